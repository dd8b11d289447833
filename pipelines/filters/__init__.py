"""Rules that judge one row: by signals computed at pull, by captions, by what it carries. Scorers alone decode."""
