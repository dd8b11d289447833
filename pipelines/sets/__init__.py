"""Rules over the whole set: pure functions over one bucket of small keys."""
