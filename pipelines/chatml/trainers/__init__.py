"""Kits for trainers, written beside the shards."""

from pipelines.chatml.trainers.kits import MAX_LENGTH, NO_LIMIT, kit

__all__ = ["MAX_LENGTH", "NO_LIMIT", "kit"]
