"""Real ResNet-50s, row by row, against the numbers of Keras and torchvision (tools/oracle/golden_reports.py)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import detect, read
from paramcount.model.report import Row
from paramcount.rendering.json import as_json

ROOT = Path(__file__).parents[1]
KERAS = json.loads((ROOT / "tests/golden/resnet50-keras.json").read_text())
TORCH = json.loads((ROOT / "tests/golden/resnet50-torch.json").read_text())
DOCUMENT = json.loads((ROOT / "examples/resnet50-keras.json").read_text())


def test_keras_resnet50() -> None:
    report = as_json(count(read(DOCUMENT, detect(DOCUMENT))))
    rows = [
        [row["name"], row["type"], row["totals"]["total"], row["totals"]["trainable"], list(row["output_shape"])]
        for row in report["layers"]
    ]
    assert rows == KERAS["layers"]
    assert report["exact"]
    assert report["totals"]["total"] == KERAS["total"] == 25_636_712
    assert report["totals"]["trainable"] == KERAS["trainable"]


def test_keras_resnet50_frozen_but_for_its_head() -> None:
    report = count(read(DOCUMENT, detect(DOCUMENT)), Options(rules=(Rule("*", False), Rule("predictions", True))))
    head = next(row for row in KERAS["layers"] if row[0] == "predictions")
    assert report.root.totals.trainable == head[3]
    assert report.root.totals.frozen + report.root.totals.buffers == KERAS["total"] - head[3]


def _tensors(row: Row, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for tensor in row.tensors:
        yield f"{prefix}{tensor.name}", (tensor.role, list(tensor.shape))
    for child in row.children:
        assert child.repeat == 1  # torch folds only what is in a ModuleList
        yield from _tensors(child, f"{prefix}{child.name}.")


def test_torchvision_resnet50() -> None:
    text = (ROOT / "examples/resnet50-torch.txt").read_text()
    report = count(read(text, detect(text)))
    tensors = dict(_tensors(report.root))
    assert {name: shape for name, (role, shape) in tensors.items() if role == "weight"} == TORCH["parameters"]
    assert {name: shape for name, (role, shape) in tensors.items() if role == "buffer"} == TORCH["buffers"]
    assert report.exact
    assert report.root.totals.trainable == 25_557_032
