"""Two models side by side: every kind of change, blocks however they are folded, and sums that always hold."""

from __future__ import annotations

import json
from math import prod
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.analysis import compare as compare_module
from paramcount.analysis.compare import Comparison, compare
from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering.comparison import as_json, as_markdown, as_text

EXAMPLES = Path(__file__).parents[2] / "examples"
GOLDEN = Path(__file__).parents[1] / "golden"


def report(payload: Any, *rules: tuple[str, bool]) -> Report:
    return count(read(payload, detect(payload)), Options(rules=tuple(Rule(*rule) for rule in rules)))


def tensors(shapes: dict[str, list[int]], *rules: tuple[str, bool]) -> Report:
    return report({"parameters": {name: {"shape": shape} for name, shape in shapes.items()}}, *rules)


def keras(*layers: dict[str, Any], rules: tuple[tuple[str, bool], ...] = ()) -> Report:
    return report({"framework": "keras", "input_shape": [3], "layers": list(layers)}, *rules)


def dense(name: str, units: int = 3, **members: Any) -> dict[str, Any]:
    return {"type": "Dense", "name": name, "units": units, **members}


def blocks(
    number: int, prefix: str = "h", sizes: dict[int, int] | None = None, rules: tuple[tuple[str, bool], ...] = ()
) -> Report:
    """Blocks of 4 + 2 parameters, and the one of another size."""
    shapes: dict[str, list[int]] = {}
    for index in range(number):
        shapes[f"{prefix}.{index}.a.weight"] = [(sizes or {}).get(index, 2), 2]
        shapes[f"{prefix}.{index}.b.weight"] = [2]
    return tensors(shapes, *rules)


def list_changes(before: Report, after: Report) -> list[tuple[str, dict[str, int]]]:
    comparison = compare(before, after)
    check_sums(comparison)
    return [
        (
            f"{change.was}>{change.path}" if change.was else change.path,
            {str(kind): size for kind, size in change.kinds.items()},
        )
        for change in comparison.changes
    ]


def check_sums(comparison: Comparison) -> None:
    rendered = as_json(comparison)
    for column in ("total", "trainable", "frozen", "buffers", "bytes"):
        more = sum(change["after"][column] - change["before"][column] for change in rendered["changes"])
        assert more == rendered["difference"][column], column
    assert (
        sum(entry["elements"] for entry in rendered["resized"])
        == rendered["summary"].get("resized", {"elements": 0})["elements"]
    )


CHANGES: dict[str, tuple[Report, Report, list[tuple[str, dict[str, int]]]]] = {
    "nothing": (keras(dense("a")), keras(dense("a")), []),
    "added": (keras(dense("a")), keras(dense("a"), dense("b", 5)), [("b", {"added": 20})]),  # 3·5 + 5
    "removed": (keras(dense("a"), dense("b", 5)), keras(dense("a")), [("b", {"removed": 20})]),
    "resized": (keras(dense("a", 4)), keras(dense("a", 6)), [("a", {"resized": 8})]),  # 3·6 + 6 - 3·4 - 4
    "renamed": (keras(dense("a"), dense("b")), keras(dense("a"), dense("c")), [("b>c", {"renamed": 12})]),
    "a tensor more": (keras(dense("a", use_bias=False)), keras(dense("a")), [("a", {"resized": 3})]),
    "frozen": (keras(dense("a")), keras(dense("a", trainable=False)), [("a", {"frozen": 12})]),
    "unfrozen": (
        keras(dense("a", trainable=False)),
        keras(dense("a", trainable=False), rules=(("a.bias", True),)),
        [("a", {"unfrozen": 3})],
    ),
    "renamed and frozen": (
        keras(dense("a")),
        keras(dense("b", trainable=False)),
        [("a>b", {"renamed": 12, "frozen": 12})],
    ),
    "resized and frozen": (
        keras(dense("a", 4)),
        keras(dense("a", 6, trainable=False)),
        [("a", {"frozen": 24, "resized": 8})],
    ),
    "tied": (keras(dense("a"), dense("b")), keras(dense("a"), dense("b", shares="a")), [("b", {"tied": 12})]),
    "another type of number": (keras(dense("a")), keras(dense("a", dtype="F16")), [("a", {"converted": 12})]),
    "into a container": (
        tensors({"conv.weight": [4], "fc.weight": [5]}),
        tensors({"backbone.conv.weight": [4], "backbone.fc.weight": [5]}),
        [("conv>backbone.conv", {"renamed": 4}), ("fc>backbone.fc", {"renamed": 5})],
    ),
    "a container, whole": (
        tensors({"a.weight": [4]}),
        tensors({"a.weight": [4], "b.c.weight": [1], "b.d.weight": [2]}),
        [("b", {"added": 3})],
    ),
    "the name decides between equal ones": (
        tensors({"old.q.weight": [4], "old.k.weight": [4]}),
        tensors({"new.k.weight": [4], "new.q.weight": [4]}),
        [("old.q>new.q", {"renamed": 4}), ("old.k>new.k", {"renamed": 4})],
    ),
    "blocks more": (blocks(12), blocks(16), [("h.12-15", {"added": 24})]),
    "blocks fewer": (blocks(12), blocks(1), [("h.1-11", {"removed": 66})]),
    "blocks folded otherwise": (blocks(6), blocks(6, sizes={2: 5}), [("h.2.a", {"resized": 6})]),
    "blocks renamed": (
        blocks(12),
        blocks(12, "layers"),
        [("h.0-11.a>layers.0-11.a", {"renamed": 48}), ("h.0-11.b>layers.0-11.b", {"renamed": 24})],
    ),
    "a named block more often": (
        keras({"type": "Block", "name": "block", "repeat": 2, "layers": [dense("a")]}),
        keras({"type": "Block", "name": "block", "repeat": 5, "layers": [dense("a")]}),
        [("block.a", {"resized": 36})],
    ),
    "some blocks frozen": (
        blocks(4),
        blocks(4, rules=(("h.1-2", False),)),
        [("h.1-2.a", {"frozen": 8}), ("h.1-2.b", {"frozen": 4})],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES.values(), ids=CHANGES)
def test_a_change(before: Report, after: Report, changes: list[tuple[str, dict[str, int]]]) -> None:
    assert list_changes(before, after) == changes


OPPOSITE = {
    "added": "removed", "removed": "added", "frozen": "unfrozen", "unfrozen": "frozen",
    "tied": "untied", "untied": "tied",
}  # fmt: skip


@pytest.mark.parametrize(("before", "after", "changes"), CHANGES.values(), ids=CHANGES)
def test_the_other_way_round(before: Report, after: Report, changes: list[tuple[str, dict[str, int]]]) -> None:
    back = compare(after, before)
    check_sums(back)
    kinds = [{OPPOSITE.get(kind, kind) for kind in expected} for _, expected in changes]
    assert sorted(map(sorted, kinds)) == sorted(sorted(change.kinds) for change in back.changes)


def test_detail_of_a_resized_layer() -> None:
    (change,) = compare(keras(dense("a", 4, use_bias=False)), keras(dense("a", 6))).changes
    assert change.detail == "kernel 3×4 → 3×6; bias nothing → 6"


def test_conventions_meet_where_all_is_counted() -> None:
    layers = [dense("a"), {"type": "BatchNormalization", "name": "n"}]
    torch = count(
        read({"framework": "keras", "input_shape": [3], "layers": layers}, detect({"layers": []})),
        Options(convention="torch"),
    )
    comparison = compare(torch, keras(*layers))
    assert (comparison.convention, comparison.changes) == ("keras", ())
    rendered = as_json(comparison)
    assert rendered["before"]["totals"] == rendered["after"]["totals"]


def test_two_frameworks_meet_in_the_layout_of_their_kernels() -> None:
    """Keras counts 25,636,712 and PyTorch 25,557,032: the difference is biases, and the counters of batches."""
    keras_golden, torch_golden = (
        json.loads((GOLDEN / f"resnet50-{name}.json").read_text()) for name in ("keras", "torch")
    )
    weights = sum(prod(shape) for shape in torch_golden["parameters"].values())
    batches = sum(name.endswith("num_batches_tracked") for name in torch_golden["buffers"])
    comparison = compare(
        report(json.loads((EXAMPLES / "resnet50-keras.json").read_text())),
        report((EXAMPLES / "resnet50-torch.txt").read_text()),
    )
    check_sums(comparison)
    assert {kind for change in comparison.changes for kind in change.kinds} == {"renamed", "resized"}
    assert as_json(comparison)["resized"] == [
        {"tensor": "bias", "layers": 53, "elements": weights - keras_golden["trainable"]},
        {"tensor": "num_batches_tracked", "layers": 53, "elements": batches},
    ]


def test_the_gates_of_two_frameworks() -> None:
    gates = {"type": "LSTM", "name": "k", "units": 4}
    comparison = compare(
        report({"framework": "keras", "input_shape": [5, 3], "layers": [gates]}),
        report("Net(\n  (t): LSTM(3, 4, batch_first=True)\n)"),
    )
    check_sums(comparison)
    (change,) = comparison.changes
    assert (change.was, change.path) == ("k", "t")
    assert change.kinds == {"renamed": 144, "resized": 16}  # 16·3 + 16·4 + 2·16: PyTorch has two biases
    assert change.detail == "bias_hh_l0 nothing → 16"


def test_one_framework_has_one_layout() -> None:
    before = keras(dense("a", 5), dense("b", 4, use_bias=False))  # 3×5, 5×4
    after = keras(dense("c", 4, use_bias=False), dense("d", 5))  # 3×4, 4×5
    assert {kind for change in compare(before, after).changes for kind in change.kinds} == {"added", "removed"}


def test_many_names_of_tensors_share_an_entry() -> None:
    before, after = (tensors({f"a.{n:03}": [size + n] for n in range(100)}) for size in (1, 2))
    comparison = compare(before, after)
    check_sums(comparison)
    resized = as_json(comparison)["resized"]
    assert len(resized) == 21
    assert resized[-1] == {"tensor": "", "layers": 80, "elements": 80}


def test_json_and_text() -> None:
    comparison = compare(keras(dense("a", 4), dense("b")), keras(dense("a", 4), dense("c"), dense("d", 2)))
    rendered = as_json(comparison)
    assert rendered["summary"] == {
        "renamed": {"layers": 1, "elements": 15},
        "added": {"layers": 1, "elements": 8},
    }
    assert rendered["difference"] == {"total": 8, "trainable": 8, "frozen": 0, "buffers": 0, "bytes": 32}
    assert rendered["changes"][0]["was"] == "b"
    assert rendered["changes"][0]["matched_by"] == "shape_and_order"
    assert "matched_by" not in rendered["changes"][1]
    assert as_text(comparison).splitlines() == [
        "Before: model (native)",
        "After:  model (native)",
        "Both are counted in the keras convention.",
        "",
        "b → c: renamed 15, matched by shape and order",
        "d: added 8",
        "",
        "                        before               after          difference",
        "Total                       31                  39                  +8",
        "Trainable                   31                  39                  +8",
        "Frozen                       0                   0                  +0",
        "Buffers                      0                   0                  +0",
        "Bytes                      124                 156                 +32",
        "Parameters                  31                  39                  +8",
    ]


def test_warnings_are_in_the_text() -> None:
    layers = [dense("a"), {"type": "Mystery", "name": "m"}]
    payload = {"framework": "keras", "input_shape": [3], "layers": layers}
    inexact = count(read(payload, detect(payload)), Options(unknown="report"))
    comparison = compare(keras(dense("a")), inexact)
    warning = 'after: m: "Mystery" is an unknown layer type; its parameters are not in the totals'
    assert as_text(comparison).splitlines()[-1] == f"NOT EXACT, {warning}"
    assert f"- `{warning}`" in as_markdown(comparison).splitlines()


def test_markdown() -> None:
    comparison = compare(keras(dense("a", 4), dense("b")), keras(dense("a", 5), dense("c|d"), dense("e", 2)))
    text = as_markdown(comparison).splitlines()
    assert text[0] == "## Parameters: `model (native)` → `model (native)`"
    assert "| Total | 31 | 46 | +15 |" in text
    assert "- resized in all: `kernel` +3 in 1 layer" in text  # 3·5 - 3·4
    assert "| `a` |  | resized +4 | `kernel 3×4 → 3×5; bias 4 → 5` |" in text
    assert "No difference." in as_markdown(compare(keras(dense("a")), keras(dense("a"))))


sizes = st.dictionaries(
    st.tuples(st.sampled_from("abh"), st.integers(0, 6).map(str), st.sampled_from("xy")).map(".".join)
    | st.tuples(st.sampled_from("ab"), st.sampled_from("xyz")).map(".".join),
    st.tuples(st.integers(1, 3), st.booleans()),
    min_size=1,
)


@given(sizes, sizes)
def test_the_changes_add_up(before: Any, after: Any) -> None:
    reports = [
        report({"parameters": {f"{n}.w": {"shape": [s], "requires_grad": flag} for n, (s, flag) in model.items()}})
        for model in (before, after)
    ]
    comparison = compare(*reports)
    check_sums(comparison)
    assert bool(comparison.changes) == (before != after)
    kept = before.keys() & after.keys()
    frozen = sum(min(before[name][0], 10**9) and after[name][0] for name in kept if before[name][1] > after[name][1])
    by_path = [change for change in comparison.changes if not change.was]
    assert sum(change.kinds.get("frozen", 0) for change in by_path) == frozen


def test_large_models_compare() -> None:
    before = tensors({f"m.{i % 200}.l{i}.w": [1 + i % 7] for i in range(20_000)})
    after = tensors({f"n.{i % 200}.l{i}.w": [1 + i % 7] for i in range(20_000)})
    assert len(compare(before, after).changes) == 20_000


def test_a_comparison_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare_module, "MAX_MATCH_STEPS", 1000)
    with pytest.raises(Problems) as refused:
        compare(tensors({f"a{i}.w": [1] for i in range(2000)}), tensors({"b.w": [1]}))
    assert [(error.code, error.pointer) for error in refused.value.problems] == [("too_large", "")]
