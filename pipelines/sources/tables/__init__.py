"""Tables of pairs: Parquet, CSV, TSV, JSONL; published ones by name."""
