"""`shardmill check-trainer`: what a trainer, in the user's own environment, makes of the shards."""
