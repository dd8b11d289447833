"""Rows to training shards: tasks, dialects, token budgets, packing."""
