"""Real trainers, each in an environment of its own, read shards made by the real stages."""
