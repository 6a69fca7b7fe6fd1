"""The reader of print(model), and `describe`, against every model of torchvision and timm, on the meta device.

    python -m tools.oracle.torch_models [SHARE]     (one model in so many of timm's; default 10)

A count that claims to be exact must be what the model has; the others must say so.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch

import paramcount
from paramcount.counting.count import count
from paramcount.formats.torch import torch as read_text
from paramcount.model.errors import Problems
from paramcount.rendering.fields import inexact
from paramcount.schema.registry import load_plugins
from tools.oracle.torch_layers import import_libraries


def models(share: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every model by name, with what builds it."""
    try:
        from torchvision import models as vision  # noqa: PLC0415 what is not installed is left out
    except ImportError:
        print("torchvision is not installed: its models are not read")
    else:
        for name in vision.list_models():
            yield f"torchvision/{name}", partial(vision.get_model, name, **without_weights(name))
    try:
        import timm  # noqa: PLC0415
    except ImportError:
        print("timm is not installed: its models are not read")
    else:
        for name in timm.list_models()[::share]:
            yield f"timm/{name}", partial(timm.create_model, name)


def without_weights(name: str) -> dict[str, Any]:
    """A builder's arguments that keep it from fetching weights."""
    backbone = any(part in name for part in ("rcnn", "retinanet", "fcos", "ssd", "deeplab", "fcn_", "lraspp"))
    return {"weights": None, "weights_backbone": None} if backbone else {"weights": None}


def verdict(build: Callable[[], Any]) -> str:
    """Return what comes of a model: exact, right, said so; WRONG; or why there is none."""
    try:
        with torch.device("meta"):
            model = build()
    except Exception as error:  # noqa: BLE001 some models cannot be built on the meta device
        return f"not built: {type(error).__name__}"
    total = sum(parameter.numel() for parameter in model.parameters())
    buffers = sum(buffer.numel() for buffer in model.buffers())
    live = paramcount.count(model).totals
    if (live["total"], live["buffers"]) != (total, buffers):
        return f"WRONG: the live model counts {live['total'], live['buffers']}, has {(total, buffers)}"
    try:
        report = count(read_text(str(model)))
    except Problems as problems:
        return f"WRONG: refused: {problems.problems[0].detail}"
    read = report.root.totals.trainable, report.root.totals.buffers
    if report.exact:
        is_right = read[0] == total and (read[1] == buffers or "buffers" in inexact(report))
        return "exact" if is_right else f"WRONG: reads {read}, has {(total, buffers)}"
    return "right" if read[0] == total else "said so"


def main() -> int:
    warnings.simplefilter("ignore")
    load_plugins()
    import_libraries()
    tally: Counter[str] = Counter()
    for name, build in models(int(sys.argv[1]) if len(sys.argv) > 1 else 10):
        outcome = verdict(build)
        tally[f"{name.partition('/')[0]} {outcome.partition(':')[0]}"] += 1
        if ":" in outcome:
            print(f"{name}: {outcome}", flush=True)
    wrong = sum(number for outcome, number in tally.items() if outcome.endswith("WRONG"))
    print(dict(tally))
    print(f"{tally.total() - wrong} passed, {wrong} failed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
