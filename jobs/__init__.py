"""How it runs: plan, engine, commits, command line. The only room that imports Ray."""
