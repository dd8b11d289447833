"""Rules that judge one row by signals computed at pull; filters never decode."""
