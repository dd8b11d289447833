"""How parts run: hops, workers, the engine that drives them, and what goes wrong on the way."""
