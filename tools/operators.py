"""torchvision's compiled operators, declared: whatever imports torchvision imports this first.

Its Python part needs them to be there, and their compiled part would bring a torch with all of CUDA.
"""

from __future__ import annotations

import torch

DECLARED = torch.library.Library("torchvision", "DEF")  # they go with what declared them
for _name in ("nms", "qnms"):
    DECLARED.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
