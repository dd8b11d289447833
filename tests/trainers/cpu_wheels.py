"""Lets torchvision and torchaudio be imported beside a CPU build of torch.

Their wheels on the index are built for CUDA, and their compiled halves do not load beside the CPU build. Nothing here
needs those halves: the trainers resize with torch's own kernels. So torchvision's operators are declared, for its
Python half to register against, and torchaudio is an empty module. `environments.py` copies this file into an
environment where the real ones do not load, with a .pth file that imports it at every start of Python.
"""

import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Sequence

_OPERATORS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


class _Declare(importlib.abc.MetaPathFinder):
    """Declares torchvision's operators just before it is imported: torch is not loaded where it is not used."""

    library: object = None  # torch drops the declarations with the object

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "torchvision":
            sys.meta_path.remove(self)
            import torch

            _Declare.library = library = torch.library.Library("torchvision", "DEF")
            for operator in _OPERATORS:
                library.define(operator)
        return None


sys.meta_path.insert(0, _Declare())
sys.modules["torchaudio"] = _stub = types.ModuleType("torchaudio")
_stub.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
_stub.__version__ = "0"
