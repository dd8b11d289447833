"""How each model family writes images and turns, one file a family."""
