"""What is done to the data: stages, set rules, packing. Imports schemas; no Ray, no command line."""

import os

# ONNX Runtime 1.31 reports its use to its makers, and keeps a database and a device's number in the user's cache
# folder for it, from the moment it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
