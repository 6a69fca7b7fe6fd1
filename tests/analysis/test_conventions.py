"""The views of a model, against the numbers of the frameworks' own counters; the items add up to each total."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paramcount.analysis.conventions import ITEM_KINDS, count_by_view
from paramcount.rendering.conventions import as_json, as_markdown, as_text
from tests.builders.safetensors import PACKED
from tools.cases.reports import ALL, report

ROOT = Path(__file__).parents[2]
# The counts of ResNet-50 by Keras and by torchvision (tools/oracle/golden_reports.py).
KERAS = json.loads((ROOT / "tests/golden/resnet50-keras.json").read_text())
TORCH = json.loads((ROOT / "tests/golden/resnet50-torch.json").read_text())


def items(views: Any) -> dict[str, int]:
    return {item.name: item.elements for item in views.items}


def test_resnet50_of_keras() -> None:
    views = count_by_view(report(json.loads((ROOT / "examples/resnet50-keras.json").read_text())))
    assert views.totals == {
        "torch": KERAS["trainable"],
        **dict.fromkeys(("keras", "stored", "state_dict"), KERAS["total"]),
    }
    assert items(views) == {"weights": KERAS["trainable"], "moving_mean": 26_560, "moving_variance": 26_560}


def test_resnet50_of_torchvision() -> None:
    views = count_by_view(report((ROOT / "examples/resnet50-torch.txt").read_text()))
    assert views.totals["torch"] == 25_557_032
    assert items(views) == {
        "weights": 25_557_032,
        "running_mean": 26_560,
        "running_var": 26_560,
        "num_batches_tracked": sum(name.endswith("num_batches_tracked") for name in TORCH["buffers"]),
    }
    assert views.totals["state_dict"] == 25_557_032 + 2 * 26_560 + 53


def test_ties_are_counted_again_in_a_state_dict() -> None:
    shapes = {"wte.weight": {"shape": [10, 3]}, "lm_head.weight": {"shape": [10, 3]}, "b": {"shape": [2]}}
    views = count_by_view(report({"parameters": shapes, "tied": [["wte.weight", "lm_head.weight"]]}))
    assert views.totals == {"torch": 32, "keras": 32, "stored": 32, "state_dict": 62}
    assert items(views) == {"weights": 32, "wte.weight": 30}


@pytest.mark.parametrize("name", PACKED)
def test_packed_weights_as_stored_and_unpacked(name: str) -> None:
    views = count_by_view(report(PACKED[name]))
    assert views.totals["unpacked"] == 2_053  # a Linear of 64·32, a norm of 5
    assert views.totals["stored"] == views.totals["keras"]


def test_unknown_packing_has_no_view() -> None:
    packed = {"q.weight_packed": {"dtype": "I32", "shape": [32, 8], "data_offsets": [0, 1024]},
              "q.weight_scale": {"dtype": "F16", "shape": [32, 1], "data_offsets": [1024, 1088]}}  # fmt: skip
    views = count_by_view(report(packed))
    assert "unpacked" not in views.totals
    assert views.totals["stored"] == 288


def test_keras_packs_two_values_in_a_byte() -> None:
    policy = {"class_name": "QuantizedDTypePolicy", "config": {"mode": "int4", "source_name": "float32"}}
    config = {"name": "d", "units": 7, "dtype": {"module": "keras", "registered_name": None, **policy}}
    layers = [
        {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 11]}},
        {"class_name": "Dense", "config": config},
    ]
    views = count_by_view(report({"class_name": "Sequential", "config": {"name": "s", "layers": layers}}))
    assert views.totals["unpacked"] == 11 * 7 + 7


@pytest.mark.parametrize("name", ALL)
def test_items_add_up_to_every_total(name: str) -> None:
    counted = ALL[name]
    views = count_by_view(counted)
    rendered = as_json(views)
    for view, total in rendered["totals"].items():
        assert total == sum(item["elements"] for item in rendered["items"] if view in item["counted_by"])
    totals = counted.root.totals
    assert views.totals["torch"] == totals.trainable + totals.frozen
    assert views.totals["keras"] == views.totals["stored"] == totals.trainable + totals.frozen + totals.buffers
    assert {item.kind for item in views.items} <= set(ITEM_KINDS)


def test_very_many_ties_share_an_item() -> None:
    shapes = {f"{side}.{n}": {"shape": [n + 1]} for side in "ab" for n in range(500)}
    views = count_by_view(report({"parameters": shapes, "tied": [[f"a.{n}", f"b.{n}"] for n in range(500)]}))
    assert len(views.items) == 22
    assert views.totals["state_dict"] == 2 * views.totals["torch"] == 500 * 501
    assert views.items[-1].name == "480 others"


def test_as_text_and_markdown() -> None:
    views = count_by_view(ALL["frozen"])
    text = as_text(views, 120)
    assert ["53", "×", "moving_mean", *["26,560"] * 3] in [line.split() for line in text.splitlines()]
    assert max(map(len, as_text(views, 40).splitlines()[:8])) < 60
    assert "| `53 × moving_mean` |  | 26,560 | 26,560 | 26,560 |" in as_markdown(views)
