"""What several tests share: a small web of known truth, runs, readers."""
