"""Prints what a detector says whose weights are not here, where there is no network."""

import os
import sys

os.environ["HF_HUB_OFFLINE"] = "1"

from pipelines.grounding.detectors.pretrained import Pretrained
from pipelines.stage import EndRunError

try:
    Pretrained(hub="IDEA-Research/grounding-dino-tiny").load()
except EndRunError as error:  # a run ends with its words, and keeps what is committed
    sys.stdout.write(str(error))
