"""Phrases of captions, and the boxes of what they speak of."""
