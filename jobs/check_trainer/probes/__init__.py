"""Scripts that run in a trainer's environment, where nothing of ours can be imported.

Each reads ``request.json`` (data set, model, folder for the answer), loads the shards as the kit says with the
trainer's own code, and writes what one batch holds. answering.py says what an answer is.
"""
