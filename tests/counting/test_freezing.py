"""Rules that freeze by glob, by type and by position, and the reason why each tensor is frozen."""

from __future__ import annotations

import json
import re
from math import inf
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.counting import freezing
from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule, find_rule_problem
from paramcount.formats.detect import detect, read
from paramcount.model.budget import Limits
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.model.tensors import FreezeReason
from paramcount.schema.registry import FORMATS

ROOT = Path(__file__).parents[2]
GUIDE = json.loads((ROOT / "examples/transfer-learning-keras.json").read_text())
# Both by tools/oracle/golden_transfer.py.
WRAPPED = json.loads((ROOT / "tests/golden/wrapped-layers.json").read_text())
Rules = list[tuple[str, bool]]


def options(*rules: Any) -> Options:
    return Options(rules=tuple(Rule(*rule) for rule in rules))


def stack(blocks: int) -> dict[str, Any]:
    """Named tensors of `blocks` equal blocks of 2·2 + 2 = 6 parameters, and of a head of 2."""
    shapes: dict[str, list[int]] = {}
    for index in range(blocks):
        shapes |= {f"model.layers.{index}.mlp.weight": [2, 2], f"model.layers.{index}.mlp.bias": [2]}
    return {"parameters": {name: {"shape": shape} for name, shape in {**shapes, "head.weight": [1, 2]}.items()}}


def rows(row: Row) -> list[Row]:
    return [row, *(inner for child in row.children for inner in rows(child))]


def count_document(payload: Any, *rules: Any) -> Report:
    return count(read(payload, detect(payload)), options(*rules))


@pytest.mark.parametrize(
    ("rules", "total", "trainable"),
    [row[1:] for row in json.loads((ROOT / "tests/golden/transfer-learning.json").read_text())],
    ids=[row[0] for row in json.loads((ROOT / "tests/golden/transfer-learning.json").read_text())],
)
def test_the_transfer_learning_guide(rules: Rules, total: int, trainable: int) -> None:
    report = count_document(GUIDE, *rules)
    totals = report.root.totals
    assert (totals.trainable + totals.frozen + totals.buffers, totals.trainable) == (total, trainable)
    assert not [warning for warning in report.warnings if warning.code == "unused_rule"]


@pytest.mark.parametrize(("rules", "total", "trainable"), WRAPPED["counts"])
def test_types_match_layers_inside_wrappers(rules: Rules, total: int, trainable: int) -> None:
    """TimeDistributed(BatchNormalization), one of a whole model, Bidirectional(LSTM): as Keras counts them."""
    report = count_document(WRAPPED["model"], *rules)
    totals = report.root.totals
    assert (totals.trainable + totals.frozen + totals.buffers, totals.trainable) == (total, trainable)
    assert not [warning for warning in report.warnings if warning.code == "unused_rule"]


def test_positions_do_not_match_layers_inside_wrappers() -> None:
    report = count_document(WRAPPED["model"], ("first:1:type:LSTM", False))
    assert [warning.code for warning in report.warnings] == ["unused_rule"]


def test_the_numbers_that_the_guide_prints() -> None:
    guide = count_document(GUIDE).root.totals
    assert (guide.trainable, guide.frozen + guide.buffers) == (2_049, 20_861_487)
    thawed = count_document(GUIDE, ("xception", True)).root.totals
    assert (thawed.trainable, thawed.frozen + thawed.buffers) == (20_809_001, 54_535)


@pytest.mark.parametrize(
    ("rules", "names", "frozen"),
    [
        ([("model.layers.0-9.*", False)], ["0-9", "10-31"], 60),
        ([("model.layers.0-9", False)], ["0-9", "10-31"], 60),
        ([("model.layers.0-3,30-31.*", False)], ["0-3,30-31", "4-29"], 36),
        ([("model.layers.7.mlp.bias", False)], ["0-6,8-31", "7"], 2),
        ([("first:10:model.layers.*", False)], ["0-9", "10-31"], 60),
        ([("last:3:model.layers.*", False)], ["0-28", "29-31"], 18),
        ([("all-but-last:3:model.layers.*", False)], ["0-28", "29-31"], 174),
        ([("all-but-first:3:model.layers.*", False)], ["0-2", "3-31"], 174),
        ([("*", False), ("last:3:model.layers.*", True)], ["0-28", "29-31"], 32 * 6 + 2 - 18),
        ([("first:40:model.layers.*", False)], ["0-31"], 192),
        ([("last:0:model.layers.*", False)], ["0-31"], 0),
        ([("first:1", False)], ["0-31"], 192),  # of the model's two layers: model, head
        ([("last:1", False)], ["0-31"], 2),
        ([("first:2:*.mlp", False)], ["0-1", "2-31"], 12),
        ([("model.layers.0-9", False), ("model.layers.5.mlp.weight", True)], ["0-4,6-9", "5", "10-31"], 56),
        ([("model.layers.0-4", False), ("model.layers.5-9", False)], ["0-4", "5-9", "10-31"], 60),  # reasons differ
    ],
)
def test_folds_split_where_they_must(rules: Rules, names: list[str], frozen: int) -> None:
    report = count_document(stack(32), *rules)
    (layers,) = report.root.children[0].children
    assert [row.name for row in layers.children] == names
    assert sum(row.repeat for row in layers.children) == 32
    assert (report.root.totals.trainable, report.root.totals.frozen) == (32 * 6 + 2 - frozen, frozen)


@pytest.mark.parametrize(
    ("match", "problem"),
    [
        ("first:", True),
        ("first:x", True),
        ("last:-1", True),
        ("all-but-last:1e3:*", True),
        ("all-but-first:" + "9" * 10, True),
        ("first:10", False),
        ("last:3:type:Dense", False),
        ("type:", False),
        ("firstly", False),
        ("[f]irst:x", False),
        ("*first:x", False),
    ],
)
def test_a_match_that_cannot_be_meant(match: str, problem: bool) -> None:
    assert bool(find_rule_problem(match)) is problem
    count(read(stack(2), detect(stack(2))), options((match, False)))  # without that check it is a glob


@pytest.mark.parametrize(
    ("rule", "frozen"),
    [
        ("type:Dense", 16 + 20),
        ("type:keras.Dense", 16),
        ("type:D*", 36),
        ("type:Block", 16),
        ("type:RMSNormalization", 4),
        ("first:1:type:Dense", 16),
        ("last:1:type:Dense", 20),
        ("all-but-last:1", 20),
        ("all-but-last:1:*", 20),
        ("type:kernel", 0),
        ("first:1:*.kernel", 0),  # positions are of layers
    ],
)
def test_by_type(rule: str, frozen: int) -> None:
    layers = [
        {"type": "Block", "name": "backbone", "layers": [{"type": "keras.Dense", "units": 4}]},
        {"type": "RMSNormalization", "name": "norm"},
        {"type": "Dense", "name": "head", "units": 4},
    ]
    report = count_document({"framework": "keras", "input_shape": [3], "layers": layers}, (rule, False))
    assert (report.root.totals.trainable, report.root.totals.frozen) == (40 - frozen, frozen)
    assert [warning.code for warning in report.warnings] == ["unused_rule"] * (frozen == 0)


def test_every_frozen_tensor_has_a_reason() -> None:
    layers: list[dict[str, Any]] = [
        {"type": "Dense", "name": "by_document", "units": 3, "trainable": False},
        {"type": "Dense", "name": "by_rule", "units": 3},
        {"type": "BatchNormalization", "name": "statistics"},
        {"type": "Dense", "name": "thawed", "units": 3, "trainable": False},
    ]
    rules = [("by_rule.bias", False), ("by_rule", False), ("thawed", True), ("by_rule.bias", False)]
    report = count_document({"framework": "keras", "input_shape": [3], "layers": layers}, *rules)
    reasons = {f"{row.path}.{tensor.name}": tensor.frozen_by for row in rows(report.root) for tensor in row.tensors}
    assert reasons == {
        "by_document.kernel": FreezeReason("document"),
        "by_document.bias": FreezeReason("document"),
        "by_rule.kernel": FreezeReason("rule", 1, "by_rule"),
        "by_rule.bias": FreezeReason("rule", 3, "by_rule.bias"),
        "statistics.gamma": None,
        "statistics.beta": None,
        "statistics.moving_mean": FreezeReason("design"),
        "statistics.moving_variance": FreezeReason("design"),
        "thawed.kernel": None,
        "thawed.bias": None,
    }


def test_no_rule_trains_a_tensor_that_is_frozen_by_design() -> None:
    layers = [{"type": "Dense", "name": "quantised", "units": 3, "quantization_mode": "int8"}]
    report = count_document({"framework": "keras", "input_shape": [3], "layers": layers}, ("*", True))
    assert report.root.totals.trainable == 3  # the bias; not the kernel of integers, nor its scale
    assert {tensor.frozen_by for tensor in report.root.children[0].tensors} == {None, FreezeReason("design")}


def test_tensors_that_require_no_gradient_can_be_thawed() -> None:
    payload = {"parameters": {"a.weight": {"shape": [3], "requires_grad": False}, "b.weight": {"shape": [2]}}}
    assert count_document(payload).root.totals.frozen == 3
    assert [tensor.frozen_by for row in rows(count_document(payload).root) for tensor in row.tensors] == [
        FreezeReason("document"),
        None,
    ]
    assert count_document(payload, ("a", True)).root.totals.frozen == 0


def test_a_repeated_block_without_indices_is_one_layer() -> None:
    block = {"type": "Block", "name": "block", "repeat": 5, "layers": [{"type": "Dense", "units": 3}]}
    payload = {"framework": "keras", "input_shape": [3], "layers": [block, {"type": "Dense", "units": 3}]}
    assert count_document(payload, ("first:1", False)).root.totals.frozen == 5 * 12


def test_positions_are_bounded() -> None:
    block = {"type": "Block", "name": "0-9999", "repeat": 10_000, "layers": [{"type": "Dense", "units": 3}]}
    payload = {"framework": "keras", "input_shape": [3], "layers": [block]}
    document = read(payload, FORMATS["native"])
    with pytest.raises(Problems) as raised:
        count(document, options(*((f"first:{number}:*", False) for number in range(1000))), Limits())
    assert [error.code for error in raised.value.problems] == ["too_large"]


def test_rules_that_match_nothing_cost_no_more_for_their_number() -> None:
    block = {"type": "Block", "name": "0-9999", "repeat": 10_000, "layers": [{"type": "Dense", "units": 3}]}
    document = read({"framework": "keras", "input_shape": [3], "layers": [block]}, FORMATS["native"])
    report = count(
        document, options(*((f"first:{number}:nobody", False) for number in range(100))), Limits(max_seconds=1_000)
    )
    assert [warning.code for warning in report.warnings] == ["unused_rule"] * 100


def test_rules_are_bounded() -> None:
    with pytest.raises(Problems) as raised:
        count_document(stack(1), *(("*a?b[c-e]" * 100, False) for _ in range(1000)))
    assert [error.code for error in raised.value.problems] == ["too_large"]


def test_rules_on_endless_paths_are_bounded() -> None:
    """One name of a megabyte, and globs that would look at each of its characters a thousand times."""
    document = read({"parameters": {"a" * 1_000_000: {"shape": [1]}}}, FORMATS["tensors"])
    for rule in ("*a" + "?" * 900 + "b", "first:1:*a" + "?" * 900 + "b"):
        with pytest.raises(Problems) as raised:
            count(document, options((rule, False)))
        assert [error.code for error in raised.value.problems] == ["too_large"]


def test_rules_are_matched_until_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezing, "monotonic", lambda: inf)
    document = read({"parameters": {str(index): {"shape": [1]} for index in range(50)}}, FORMATS["tensors"])
    for rule in ("*", "first:1:*"):
        with pytest.raises(Problems) as raised:
            count(document, options((rule, False)))
        assert [error.code for error in raised.value.problems] == ["too_large"]


@given(st.integers(0, 12), st.integers(1, 12))
def test_first_and_all_but_first_share_everything_out(number: int, blocks: int) -> None:
    first = count_document(stack(blocks), (f"first:{number}:model.layers.*", False)).root.totals
    others = count_document(stack(blocks), (f"all-but-first:{number}:model.layers.*", False)).root.totals
    assert first.frozen + others.frozen == 6 * blocks
    assert first.frozen == 6 * min(number, blocks)
    last = count_document(
        stack(blocks), (f"all-but-last:{blocks - min(number, blocks)}:model.layers.*", False)
    ).root.totals
    assert last == first


def read_guide() -> list[tuple[str, Rules, int, int]]:
    """Read the table of docs/training.md: each example's description, rules, trainable and frozen parameters."""
    examples = []
    for line in (ROOT / "docs/training.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.split("|")][1:-1]
        if len(cells) == 4 and re.fullmatch(r"[0-9]+(,[0-9]{3})+", cells[2]):
            rules = [(match, verb == "train") for verb, match in re.findall(r"`(train|freeze)=([^`]+)`", cells[1])]
            examples.append((cells[0], rules, *(int(cell.replace(",", "")) for cell in cells[2:])))
    return examples  # type: ignore[return-value]


@pytest.mark.parametrize(("what", "rules", "trainable", "frozen"), read_guide())
def test_the_numbers_of_the_documentation(what: str, rules: Rules, trainable: int, frozen: int) -> None:
    totals = count_document(GUIDE, *rules).root.totals
    assert (totals.trainable, totals.frozen + totals.buffers) == (trainable, frozen), what


def test_the_documentation_has_examples() -> None:
    assert len(read_guide()) == 6
