"""Captions and conversations into another language, by a model behind an endpoint."""
