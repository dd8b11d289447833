"""Readers of what people have: tables of URLs and captions."""
