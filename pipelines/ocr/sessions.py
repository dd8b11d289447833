"""ONNX Runtime sessions as a worker wants them: one thread, on a CPU or a GPU."""

from importlib import import_module
from pathlib import Path
from typing import Any


def session(weights: Path, device: str) -> Any:
    """An inference session over an ONNX file. `device` is ``cpu``, ``cuda`` or ``cuda:1``.

    One thread a session: as many workers as CPUs read more images than one worker with as many threads. Raises
    ValueError where the installed ONNX Runtime cannot use the device, and for a file that is no model.
    """
    onnxruntime: Any = import_module("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_mem_pattern = False  # of no use where every image has a shape of its own
    providers: list[Any] = ["CPUExecutionProvider"]
    if device != "cpu":
        if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            raise ValueError("this ONNX Runtime knows no CUDA: install onnxruntime-gpu in place of onnxruntime")
        providers.insert(0, ("CUDAExecutionProvider", {"device_id": device.partition(":")[2] or "0"}))
    try:
        return onnxruntime.InferenceSession(str(weights), options, providers=providers)
    except Exception as error:  # the runtime has a dozen classes of its own, which have no base in common
        raise ValueError(f"{weights} cannot be loaded as an ONNX model: {str(error).splitlines()[0]}") from error
