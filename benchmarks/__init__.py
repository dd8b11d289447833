"""What shardmill costs, beside the tools people use today. Every figure in docs/benchmarks.md comes from here."""
