"""Prints what a detector says whose weights are not here, where there is no network."""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

from pipelines.grounding.detectors.pretrained import MissingWeightsError, Pretrained

try:
    Pretrained(hub="IDEA-Research/grounding-dino-tiny").load()
except MissingWeightsError as error:
    sys.stdout.write(str(error))
