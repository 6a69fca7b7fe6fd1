"""The examples and their golden reports, written by the frameworks themselves: ResNet-50 of Keras and of torchvision.

`--write` renews the files; else they are compared with what the frameworks say now.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from tools import operators  # noqa: F401

ROOT = Path(__file__).parents[2]


def keras_files() -> dict[str, str]:
    """Return what Keras writes of its ResNet-50, and what it counts, layer by layer."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras  # noqa: PLC0415 # after its backend is chosen

    model = keras.applications.ResNet50(weights=None)
    rows = []
    for layer in model.layers:
        trainable = sum(variable.value.numel() for variable in layer.trainable_weights)
        rows.append([layer.name, type(layer).__name__, layer.count_params(), trainable, _shape(layer.output)])
    trainable = sum(row[3] for row in rows)
    golden = {"total": model.count_params(), "trainable": trainable, "layers": rows}
    return {"examples/resnet50-keras.json": model.to_json() + "\n", "tests/golden/resnet50-keras.json": _text(golden)}


def torch_files() -> dict[str, str]:
    """Return what torch prints of torchvision's ResNet-50, and the parameters and buffers that it names."""
    import torch  # noqa: PLC0415
    import torchvision  # noqa: PLC0415

    with torch.device("meta"):
        model = torchvision.models.resnet50()
    golden = {
        "parameters": {name: list(tensor.shape) for name, tensor in model.named_parameters()},
        "buffers": {name: list(tensor.shape) for name, tensor in model.named_buffers()},
    }
    return {"examples/resnet50-torch.txt": f"{model}\n", "tests/golden/resnet50-torch.json": _text(golden)}


def _shape(output: Any) -> Any:
    return [_shape(item) for item in output] if isinstance(output, list) else list(output.shape)


def _text(golden: dict[str, Any]) -> str:
    """JSON with a line a row, so that a diff can be read."""
    members = []
    for name, value in golden.items():
        if isinstance(value, list):
            value = "[\n" + ",\n".join(json.dumps(row) for row in value) + "\n]"  # noqa: PLW2901
        elif isinstance(value, dict):
            value = "{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items()) + "\n}"  # noqa: PLW2901
        members.append(f"{json.dumps(name)}: {value}")
    return "{" + ",\n".join(members) + "}\n"


def main() -> int:
    """Write or compare the files; returns how many differ."""
    differ = 0
    for name, text in {**keras_files(), **torch_files()}.items():
        if "--write" in sys.argv:
            (ROOT / name).write_text(text)
        elif (ROOT / name).read_text() != text:
            differ += 1
            sys.stdout.write(f"{name} is not what the framework writes now\n")
    sys.stdout.write(f"{4 - differ} passed, {differ} failed\n")
    return differ


if __name__ == "__main__":
    sys.exit(main())
