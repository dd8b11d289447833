"""From the rows kept to the data set: who is held out, where shards end, writing them, the card."""
