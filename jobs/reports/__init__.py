"""What is told of a run and of a recipe: accounting, histograms, contact sheets, estimates."""
