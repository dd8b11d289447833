"""The pages a person reads in a browser: charts, pictures with what was found in them, and what is made of these."""
