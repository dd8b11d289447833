"""img2dataset: pulling with it, and what its words say of a row."""
