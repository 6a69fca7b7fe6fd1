"""count(): totals, inherited flags, repeats, shared layers, graphs, and all problems in one answer."""

from __future__ import annotations

import gc
from typing import Any

import pytest

from paramcount.counting.count import Options, count
from paramcount.counting.evaluate import _RESULTS
from paramcount.counting.freezing import Rule, Rules, Trainability
from paramcount.formats.detect import read
from paramcount.model.budget import Limits
from paramcount.model.document import Document
from paramcount.model.errors import Problems
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.model.report import Report, ReportWarning
from paramcount.model.tensors import Tensor, Totals
from paramcount.schema.registry import FORMATS


def count_layers(layers: list[dict[str, Any]], options: Options | None = None, **document: Any) -> Report:
    payload = {"framework": "keras", "input_shape": [3], "layers": layers, **document}
    return count(read(payload, FORMATS["native"]), options or Options())


def find_problems(
    layers: list[dict[str, Any]], options: Options | None = None, **document: Any
) -> list[tuple[str, str]]:
    with pytest.raises(Problems) as raised:
        count_layers(layers, options, **document)
    return [(error.pointer, error.code) for error in raised.value.problems]


def dense(name: str, units: int = 4, **members: Any) -> dict[str, Any]:
    return {"type": "Dense", "name": name, "units": units, **members}


def test_shapes_flow_from_layer_to_layer() -> None:
    report = count_layers([dense("a", 4), dense("b", 2)])
    assert [row.totals.trainable for row in report.root.children] == [16, 10]  # 3·4 + 4; 4·2 + 2
    assert report.root.output == (None, 2)


def test_frozen_is_inherited() -> None:
    block = {"type": "Block", "name": "backbone", "trainable": False, "layers": [dense("a"), dense("b")]}
    report = count_layers([block, dense("head", 2)])
    assert report.root.totals == Totals(trainable=10, frozen=16 + 20, bytes=46 * 4)


@pytest.mark.parametrize(
    ("rules", "frozen"),
    [
        ([("backbone.*", False)], 36),
        ([("backbone", False)], 36),
        ([("backbone.a", False)], 16),
        ([("*.bias", False)], 4 + 4 + 2),
        ([("*", False), ("head", True)], 36),
        ([("*", False), ("head.bias", True)], 36 + 8),
        ([("backbone.b", True), ("backbone", False)], 36),  # the last match holds, however deep the first one is
        ([("[ab]ackbone.?", False)], 36),
        ([("*", False), ("*", True)], 0),
    ],
)
def test_rules(rules: list[tuple[str, bool]], frozen: int) -> None:
    block = {"type": "Block", "name": "backbone", "layers": [dense("a"), dense("b")]}
    options = Options(rules=tuple(Rule(*rule) for rule in rules))
    totals = count_layers([block, dense("head", 2)], options).root.totals
    assert (totals.trainable, totals.frozen) == (46 - frozen, frozen)


def test_a_rule_thaws_a_layer_that_the_document_froze() -> None:
    block = {"type": "Block", "name": "backbone", "trainable": False, "layers": [dense("a"), dense("b")]}
    report = count_layers([block], Options(rules=(Rule("backbone.b", True),)))
    assert (report.root.totals.trainable, report.root.totals.frozen) == (20, 16)


def test_a_rule_that_matches_nothing_is_reported() -> None:
    report = count_layers([dense("a")], Options(rules=(Rule("b.*", False), Rule("a", False), Rule("a.bias", True))))
    assert [(warning.code, warning.path) for warning in report.warnings] == [("unused_rule", "b.*")]
    assert report.exact


def test_repeat_multiplies() -> None:
    block = {"type": "Block", "name": "block", "repeat": 10**6, "layers": [dense("a", 8), dense("b", 3)]}
    (row,) = count_layers([block]).root.children
    assert row.totals.trainable == 10**6 * (3 * 8 + 8 + 8 * 3 + 3)
    assert row.children[0].totals.trainable == 3 * 8 + 8  # within one copy of its parent


def test_a_repeated_layer_must_return_what_it_takes() -> None:
    assert find_problems([dense("a", 8, repeat=2)]) == [("/layers/0", "shape_mismatch")]


def test_a_shared_layer_counts_once() -> None:
    report = count_layers([dense("a", 3), dense("b", 3, shares="a")])
    assert report.root.totals.trainable == 3 * 3 + 3
    assert [tensor.tied_to for tensor in report.root.children[1].tensors] == ["a.kernel", "a.bias"]


@pytest.mark.parametrize("shares", ["nobody", "b", "c"])
def test_sharing_needs_a_layer_that_has_such_tensors(shares: str) -> None:
    layers = [dense("a", 3), dense("b", 3, shares=shares), dense("c", 5)]
    assert find_problems(layers) == [("/layers/1/shares", "invalid_config")]


def test_a_group_that_shares_counts_once() -> None:
    """All layers of the group share, each with the layer of its name: 2·(3·3 + 3) once."""
    group = {"type": "Block", "name": "a", "layers": [dense("one", 3), dense("two", 3)]}
    report = count_layers([group, {**group, "name": "b", "shares": "a"}])
    assert report.root.totals.trainable == 24
    assert [tensor.tied_to for tensor in report.root.named_tensors() if tensor.tied_to][:1] == ["a.one.kernel"]


def test_layers_wired_by_name() -> None:
    layers = [
        dense("left", 5, inputs=["image"]),
        dense("right", 5, inputs=["text"]),
        dense("left_again", 5, inputs=["left"]),
        dense("end", 1, inputs=["right"]),
    ]
    report = count_layers(layers, input_shape={"image": [3], "text": [7]})
    assert [row.totals.trainable for row in report.root.children] == [20, 40, 30, 6]
    assert report.root.output == [(None, 5), (None, 1)]


@pytest.mark.parametrize(
    ("layers", "problems"),
    [
        ([dense("a"), dense("a", inputs=["a"])], [("/layers/1", "duplicate_name")]),
        ([dense("a"), dense("b"), dense("a")], [("/layers/2", "duplicate_name")]),
        ([{"type": "Block", "layers": [dense("a"), dense("a")]}], [("/layers/0/layers/1", "duplicate_name")]),
        ([dense("a", inputs=["b"]), dense("b", inputs=["a"])], [("", "cycle")]),
        ([dense("a", inputs=["a"])], [("", "cycle")]),
        ([dense("a", inputs=["nobody"])], [("/layers/0", "missing_input")]),
        ([dense("a", inputs=["input", "input"])], [("/layers/0", "shape_mismatch")]),
        (
            [dense("a", 0), dense("b", 2.0), {"type": "Dens"}],  # type: ignore[arg-type]
            [("/layers/0/units", "minimum"), ("/layers/1/units", "type"), ("/layers/2/type", "unknown_layer")],
        ),
        ([{"type": "Dense"}], [("/layers/0/units", "required")]),
        ([dense("a", 2**60)], [("/layers/0/units", "maximum")]),
        ([dense("a", 2**40), dense("b", 2**40)], [("/layers/1", "count_too_large")]),
        ([{"type": "Block", "units": 3, "layers": []}], [("/layers/0/units", "unknown_member")]),
    ],
)  # fmt: skip
def test_problems_and_their_pointers(layers: list[dict[str, Any]], problems: list[tuple[str, str]]) -> None:
    assert find_problems(layers) == problems


def test_without_an_input_shape_nothing_is_guessed() -> None:
    with pytest.raises(Problems) as raised:
        count(read({"framework": "keras", "layers": [dense("a"), dense("b")]}, FORMATS["native"]))
    assert [error.code for error in raised.value.problems] == ["unknown_shape"]


def test_at_most_a_hundred_problems() -> None:
    assert len(find_problems([{"type": f"No{index}"} for index in range(500)])) == 100


def test_unknown_layers_may_be_reported_instead() -> None:
    report = count_layers([dense("a"), {"type": "Mystery"}], Options(unknown="report"))
    assert not report.exact
    assert [warning.code for warning in report.warnings] == ["unknown_layer"]
    assert report.root.totals.trainable == 16


def test_warnings_are_bounded() -> None:
    report = count_layers([{"type": "Mystery"} for _ in range(1500)], Options(unknown="report"))
    assert len(report.warnings) == 1001
    assert (report.warnings[-1].code, report.warnings[-1].detail) == ("more", "500 more warnings")
    assert not report.exact


def test_an_axis_that_doubles_at_each_layer() -> None:
    """3·2^51 is still an integer that JSON holds; one doubling more is not."""
    layers = [
        {"type": "Concatenate", "name": f"x{i}", "inputs": [f"x{i - 1}" if i else "input"] * 2} for i in range(60)
    ]
    assert find_problems(layers) == [("/layers/51", "count_too_large")]
    assert count_layers(layers[:51]).root.output == (None, 3 * 2**51)


def test_a_problem_keeps_nothing_that_was_read() -> None:
    with pytest.raises(Problems) as raised:
        count_layers([{"type": "Mystery"}, dense("a"), {"type": "Conv2D", "filters": 2, "kernel_size": 3}])
    assert len(raised.value.problems) > 0
    assert all(error.__traceback__ is None and error.__context__ is None for error in raised.value.problems)


def test_limits() -> None:
    deep: dict[str, Any] = {"type": "Block", "layers": []}
    for _ in range(30):
        deep = {"type": "Block", "layers": [deep]}
    document = read({"layers": [deep]}, FORMATS["native"])
    assert count(document).root.totals == Totals()
    for limits in (Limits(max_depth=20), Limits(max_layers=20)):
        with pytest.raises(Problems) as raised:
            count(document, limits=limits)
        assert [error.code for error in raised.value.problems] == ["too_large"]


@pytest.mark.parametrize("repeat", [10_000, 2**40])
def test_copies_inside_a_wrapper_are_few(repeat: int) -> None:
    """A wrapper's formula takes each tensor of each copy."""
    wrapper = {"type": "TimeDistributed", "layer": {"type": "Dense", "units": 3, "repeat": repeat}}
    assert find_problems([wrapper], input_shape=[5, 3]) == [("/layers/0", "too_large")]


def test_copies_inside_a_wrapper_are_counted() -> None:
    wrapper = {"type": "TimeDistributed", "layer": {"type": "Dense", "units": 3, "repeat": 1000}}
    assert count_layers([wrapper], input_shape=[5, 3]).root.totals.trainable == 12_000  # 1,000·(3·3 + 3)


def test_a_long_name_above_many_layers() -> None:
    """Each path holds it: a thousand layers under a megabyte are a gigabyte."""
    children = tuple(Layer(str(index), "L") for index in range(100))
    root = Layer("", "M", children=(Layer("a" * 2**20, "B", children=children),))
    with pytest.raises(Problems) as caught:
        count(Document(root, "torch"))
    assert [problem.code for problem in caught.value.problems] == ["too_large"]


def test_results_of_many_tensors_are_not_cached() -> None:
    before = len(_RESULTS)
    for _ in range(3):
        count_layers([{"type": "LSTM", "input_size": 3, "hidden_size": 3, "num_layers": 30}], framework="torch")
    assert len(_RESULTS) == before


def test_many_copies_are_matched_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules look at one copy of those for which they decide alike, not at each."""
    looked = []
    decide = Rules.decide

    def note(rules: Rules, path: str, *rest: Any, **named: Any) -> Trainability:
        looked.append(path)
        return decide(rules, path, *rest, **named)

    monkeypatch.setattr(Rules, "decide", note)
    block = {"type": "Block", "name": "0-9999", "repeat": 10_000, "layers": [dense("d", 3)]}
    report = count_layers([block], Options(rules=(Rule("*7.d.bias", trainable=False),)))
    assert report.root.totals == Totals(trainable=10_000 * 12 - 1_000 * 3, frozen=3_000, bytes=480_000)
    assert report.weights_by_dtype == {"F32": 120_000}
    assert len(looked) < 20


def test_documents_with_one_cache_share_their_counts() -> None:
    root = Layer("m", "M", children=tuple(Layer(name, "L", tensors=(Tensor("w", (2, 3)),)) for name in "ab"))
    counts: dict[Any, Any] = {}

    def count_again(options: Options | None = None, limits: Limits | None = None, *warnings: ReportWarning) -> Report:
        document = Document(root, "torch", warnings=warnings, counts=counts)
        return count(document, options or Options(), limits or Limits())

    first, second = count_again(), count_again(None, None, ReportWarning("code", "", "of this one"))
    assert second.root is first.root
    assert [[warning.detail for warning in report.warnings] for report in (first, second)] == [[], ["of this one"]]
    assert count_again(Options(dtype="F16")).root.totals.bytes == 24
    assert count_again(Options(rules=(Rule("a", trainable=False),))).root.totals.frozen == 6
    with pytest.raises(Problems):
        count_again(limits=Limits(max_layers=2))


def test_an_input_must_refer_to_a_layer() -> None:
    entry = Layer("x", "InputLayer", {"shape": [3]}, calls=(Call((Ref("nobody"),)),), pointer="/x")
    root = Layer("m", "Model", children=(entry,), graph=Graph(("x",), Ref("x")))
    with pytest.raises(Problems) as caught:
        count(Document(root, "keras", "keras", inputs=((None, 3),)))
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [("/x", "missing_input")]


def test_a_counted_document_leaves_memory_at_once() -> None:
    payload = {"framework": "keras", "input_shape": [3], "layers": [dense(f"dense_{i}") for i in range(100)]}
    count(read(payload, FORMATS["native"]))
    gc.collect()
    gc.disable()
    try:
        count(read(payload, FORMATS["native"]))
        assert gc.collect() < 20  # a cycle around the document would leave hundreds of objects to the collector
    finally:
        gc.enable()
