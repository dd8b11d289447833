"""From a run's layers to its card: measuring every row once, the facts, and the forms that are written of them."""
