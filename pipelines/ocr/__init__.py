"""The text in images: what reads it, and lines made of it."""
