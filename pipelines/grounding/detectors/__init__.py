"""Detectors that find in an image what phrases name."""
