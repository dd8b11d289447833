"""Rules on captions, and edits of them. `pipelines.filters.captions.rule` says what a rule decides about a row."""
