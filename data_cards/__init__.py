"""What came out: the facts of a run as a Hub card. Imports schemas."""
