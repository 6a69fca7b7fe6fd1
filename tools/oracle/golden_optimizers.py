"""The state that each optimizer really holds after a step on a small model, by state, in each precision.

`--write` renews the file; else it is compared with what the optimizers hold now.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tools import operators  # noqa: F401

FILE = Path(__file__).parents[2] / "tests/golden/optimizers.json"

SHAPES = {
    "embedding": (300, 16),
    "experts": (3, 20, 7),
    "filters": (8, 4, 3, 3),
    "row": (1, 5000),
    "bias": (4097,),
    "scale": (300,),
    "scalar": (),
    "small": (63, 65),
    "block": (64, 64),
}


def optimizers() -> dict[str, Any]:
    """Each as the service means it."""
    import bitsandbytes  # noqa: PLC0415
    import lion_pytorch  # noqa: PLC0415
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    return {
        "sgd": torch.optim.SGD,
        "momentum": lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "lion": lion_pytorch.Lion,
        "adafactor": transformers.Adafactor,
        "adam8bit": bitsandbytes.optim.Adam8bit,
    }


def held(optimizer: Any, precision: str) -> dict[str, int]:
    """Bytes by what they are for."""
    import torch  # noqa: PLC0415

    dtype = torch.float32 if precision == "fp32" else torch.bfloat16
    weights = [torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in SHAPES.values()]
    for weight in weights:
        weight.grad = torch.randn(weight.shape).to(dtype)
    # A master copy is what the optimizer works on, as apex, DeepSpeed and Megatron have it.
    masters = [torch.nn.Parameter(weight.detach().float()) for weight in weights] if precision == "mixed" else []
    for master, weight in zip(masters, weights, strict=False):
        assert weight.grad is not None
        master.grad = weight.grad.float()
    working = optimizer(masters or weights)
    if hasattr(working, "init_state"):  # bitsandbytes' kernels need a GPU; its states do not
        for index, parameter in enumerate(working.param_groups[0]["params"]):
            working.init_state(working.param_groups[0], parameter, 0, index)
    else:
        working.step()
    states = _states(working)
    states["weights that train"] = sum(weight.nbytes for weight in weights)
    states["gradients"] = sum(weight.grad.nbytes for weight in weights if weight.grad is not None)
    if masters:
        states["master weights"] = sum(master.nbytes for master in masters)
    return dict(states)


def _states(optimizer: Any) -> Counter[str]:
    """The bytes of its tensors by name; tables that all parameters share, once."""
    import torch  # noqa: PLC0415

    states: Counter[str] = Counter()
    shared: dict[int, int] = {}
    for state in optimizer.state.values():
        for name, value in state.items():
            if torch.is_tensor(value) and name.startswith("qmap"):
                shared[value.data_ptr()] = value.nbytes
            elif torch.is_tensor(value):
                states[f"optimizer: {name}"] += value.nbytes
    if shared:
        states["optimizer: shared"] = sum(shared.values())
    return states


def main() -> int:
    """Write or compare the file; returns how many differ."""
    golden: dict[str, Any] = {"shapes": SHAPES, "held": {}}
    for name, optimizer in optimizers().items():
        golden["held"][name] = {precision: held(optimizer, precision) for precision in ("fp32", "bf16", "mixed")}
    rows = ",\n".join(
        f"{json.dumps(name)}: {json.dumps(bill, sort_keys=True)}" for name, bill in golden["held"].items()
    )
    text = f'{{"shapes": {json.dumps(SHAPES)},\n"held": {{\n{rows}\n}}}}\n'
    if "--write" in sys.argv:
        FILE.write_text(text)
    differ = FILE.read_text() != text
    sys.stdout.write(f"{1 - differ} passed, {int(differ)} failed\n")
    return int(differ)


if __name__ == "__main__":
    sys.exit(main())
