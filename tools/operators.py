"""torchvision's compiled operators: whatever imports torchvision imports this first.

Its Python part needs them to be there. Where their compiled part does not load, as beside a torch without CUDA, they
are declared.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import torch


def _load() -> bool:
    """Load torchvision's own; return whether that could be done."""
    spec = find_spec("torchvision")
    for file in sorted(Path(spec.origin).parent.glob("_C*.so")) if spec and spec.origin else ():
        try:
            torch.ops.load_library(file)
        except OSError:
            continue
        return True
    return False


if not _load():
    DECLARED = torch.library.Library("torchvision", "DEF")  # they go with what declared them
    for _name in ("nms", "qnms"):
        DECLARED.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
