"""From URL to canonical pixels: safe HTTP fetch, one decode, pixel signals."""
