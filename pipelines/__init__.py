"""What is done to the data: stages, set rules, packing. Imports schemas; no Ray, no command line."""
