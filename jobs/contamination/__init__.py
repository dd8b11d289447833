"""Lists of benchmarks' hashes, and what they matched in a run."""
