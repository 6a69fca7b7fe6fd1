"""The memory of training, against what the optimizers really hold (tools/oracle/golden_optimizers.py)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.analysis.training_memory import OPTIMIZERS, PRECISIONS, Precision, count_training_memory
from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import detect, read
from paramcount.model.report import Report
from paramcount.rendering.training_memory import as_json, as_text

GOLDEN = json.loads((Path(__file__).parents[1] / "golden/optimizers.json").read_text())


def tensors(shapes: dict[str, Any], *rules: tuple[str, bool], **members: Any) -> Report:
    payload = {"parameters": {f"{name}.weight": {"shape": shape} for name, shape in shapes.items()}, **members}
    return count(read(payload, detect(payload)), Options(rules=tuple(Rule(*rule) for rule in rules)))


def bytes_by_item(report: Report, optimizer: str, precision: Precision) -> dict[str, int]:
    memory = count_training_memory(report, optimizer, precision)
    assert memory.total == sum(item.bytes for item in memory.items)
    return {item.name: item.bytes for item in memory.items if item.bytes}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_states_of_the_optimizer(optimizer: str, precision: Precision) -> None:
    assert bytes_by_item(tensors(GOLDEN["shapes"]), optimizer, precision) == GOLDEN["held"][optimizer][precision]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("precision", PRECISIONS)
def test_copies_cost_as_much_as_they_would_written_out(optimizer: str, precision: Precision) -> None:
    shapes = {f"h.{index}.{name}": shape for index in range(40) for name, shape in GOLDEN["shapes"].items()}
    once = bytes_by_item(tensors(GOLDEN["shapes"]), optimizer, precision)
    assert bytes_by_item(tensors(shapes), optimizer, precision) == {
        name: size if name == "optimizer: shared" else 40 * size for name, size in once.items()
    }


def test_frozen_parameters_have_no_gradient() -> None:
    report = tensors({"a": [10, 10], "b": [10]}, ("a", False))
    assert bytes_by_item(report, "adamw", "mixed") == {
        "weights that train": 20,  # 2 · 10
        "frozen weights": 200,
        "master weights": 40,
        "gradients": 20,
        "optimizer: exp_avg": 40,
        "optimizer: exp_avg_sq": 40,
        "optimizer: step": 4,
    }
    assert bytes_by_item(tensors({"a": [10]}, ("a", False)), "adam8bit", "bf16") == {"frozen weights": 20}


def test_zero_paper() -> None:
    # ZeRO, section 3.1: 16 bytes a parameter with Adam in mixed precision; the 1.5 billion of GPT-2 need 24 GB.
    memory = count_training_memory(tensors({"gpt2": [1_500_000_000]}), "adam", "mixed")
    assert memory.total == 24_000_000_000 + 4  # and its step


def test_buffers_ties_and_packed_weights() -> None:
    payload = {
        "parameters": {
            "embed.weight": {"shape": [10, 4]},
            "head.weight": {"shape": [10, 4]},
            "base.weight": {"shape": [100], "dtype": "uint8", "requires_grad": False},
        },
        "buffers": {"n.mean": {"shape": [4]}, "n.seen": {"shape": [], "dtype": "int64"}},
        "tied": [["embed.weight", "head.weight"]],
    }
    report = count(read(payload, detect(payload)))
    assert bytes_by_item(report, "sgd", "bf16") == {
        "weights that train": 80,
        "frozen weights": 100,
        "buffers": 2 * 4 + 8,
        "gradients": 80,
    }


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.lists(st.integers(0, 90), max_size=4)), st.data())
def test_items_add_up(shapes: dict[str, list[int]], data: st.DataObject) -> None:
    shapes = shapes or {"a": []}
    optimizer, precision = data.draw(st.sampled_from(sorted(OPTIMIZERS))), data.draw(st.sampled_from(PRECISIONS))
    together = count_training_memory(tensors(shapes), optimizer, precision)
    alone = [count_training_memory(tensors({name: shape}), optimizer, precision) for name, shape in shapes.items()]
    for item in together.items:
        if item.name != "optimizer: shared":
            assert item.bytes == sum(each.bytes for memory in alone for each in memory.items if each.name == item.name)
        assert item.bytes >= 0
        assert item.formula


def test_json_and_text() -> None:
    memory = count_training_memory(tensors({"a": [1000, 1000]}), "adamw", "bf16")
    rendered = as_json(memory)
    assert rendered["total"] == 8_000_004 == sum(item["bytes"] for item in rendered["items"])
    assert rendered["items"][0] == {"name": "weights that train", "bytes": 2_000_000, "formula": "2 bytes × 1,000,000"}
    assert any("activations" in each for each in rendered["not_included"])
    text = as_text(memory)
    assert text.startswith("Bytes to train with adamw in bf16 (torch.optim.AdamW)\n")
    assert "8,000,004" in text
    assert "not included: activations" in text
