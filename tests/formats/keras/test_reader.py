"""keras: the parameters that Keras counts in a document, and the report's warnings."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from tools.cases.keras_documents import (
    COUNTED,
    INNER,
    OPTIMIZER,
    Document,
    bare,
    count_document,
    dense,
    entry,
    functional,
    layer,
    nest,
    numbers,
    sequential,
    tensor,
)


def rows(report: Report) -> dict[str, Row]:
    return {row.path: row for row in report.root.children}


def codes(report: Report) -> set[str]:
    return {warning.code for warning in report.warnings}


@pytest.mark.parametrize(("payload", "trainable", "frozen"), COUNTED.values(), ids=COUNTED)
def test_counted(payload: Document, trainable: int, frozen: int) -> None:
    report = count_document(payload)
    assert numbers(report) == (trainable, frozen)
    assert report.exact


def keras_2(nodes: dict[str, Any], *layers: Document, ends: tuple[Any, Any]) -> Document:
    """A model as tf.keras wrote it: no modules, and nodes in lists."""
    old = [{**item, "inbound_nodes": nodes.get(item["name"], [])} for item in layers]
    for item in old:
        item.pop("module"), item.pop("registered_name", None)
    return {
        "class_name": "Functional",
        "config": {"name": "model", "layers": old, "input_layers": ends[0], "output_layers": ends[1]},
        "keras_version": "2.12.0",
        "backend": "tensorflow",
    }


OLD_ENTRY = {
    "class_name": "InputLayer",
    "config": {"name": "x", "batch_input_shape": [None, 4], "dtype": "float32", "sparse": False, "ragged": False},
}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (keras_2({"d": [[["x", 0, 0, {}]]]}, entry(), dense("d"), ends=([["x", 0, 0]], [["d", 0, 0]])), 15),
        (
            keras_2(
                {"d": [[["x", 0, 0, {}]], [["y", 0, 0, {}]]], "add": [[["d", 0, 0, {}], ["d", 1, 0, {}]]]},
                *(entry(), entry("y"), dense("d"), layer("Add", "add")),
                ends=([["x", 0, 0], ["y", 0, 0]], [["add", 0, 0]]),
            ),
            15,
        ),
        (  # calls of a nested model are numbered from 1
            keras_2(
                {"inner": [[["x", 0, 0, {}]]], "d": [[["inner", 1, 0, {}]]]},
                *(entry(), nest(INNER, "inner"), dense("d")),
                ends=([["x", 0, 0]], [["d", 0, 0]]),
            ),
            35,
        ),
        (  # an operation's node holds no list, and its shape is that which the next layer was built on
            keras_2(
                {"plus": [["x", 0, 0, {"y": 1.0, "name": None}]], "d": [[["plus", 0, 0, {}]]]},
                *(entry(), layer("TFOpLambda", "plus", function="__operators__.add")),
                {**dense("d"), "build_config": {"input_shape": [None, 4]}},
                ends=([["x", 0, 0]], [["d", 0, 0]]),
            ),
            15,
        ),
        (  # initial states are in one list with the sequences
            keras_2(
                {"lstm": [[["x", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]]},
                *(entry("x", 5, 4), entry("h", 2), entry("c", 2), layer("LSTM", "lstm", units=2)),
                ends=([["x", 0, 0], ["h", 0, 0], ["c", 0, 0]], [["lstm", 0, 0]]),
            ),
            56,
        ),
        (  # a second input is among the keyword arguments
            keras_2(
                {"mha": [[["x", 0, 0, {"value": ["y", 0, 0], "training": None}]]]},
                *(entry("x", 5, 4), entry("y", 6, 2), layer("MultiHeadAttention", "mha", num_heads=1, key_dim=2)),
                ends=([["x", 0, 0], ["y", 0, 0]], [["mha", 0, 0]]),
            ),
            4 * 2 + 2 + 2 * (2 * 2 + 2) + 2 * 4 + 4,
        ),
        ({"class_name": "Sequential", "config": [OLD_ENTRY, {"class_name": "Dense", "config": {"units": 3}}]}, 15),
        (
            sequential({"class_name": "Dense", "config": {"name": "d", "units": 3, "batch_input_shape": [None, 4]}}),
            15,
        ),
        (
            sequential(
                OLD_ENTRY,
                {"class_name": "BatchNormalizationV1", "config": {"name": "n", "axis": [1], "fused": False}},
            ),
            16,
        ),
        (
            sequential(
                {
                    "class_name": "DepthwiseConv2D",
                    "config": {"batch_input_shape": [None, 8, 8, 2], "kernel_size": [3, 3], "groups": 1},
                }
            ),
            20,
        ),
        (sequential(OLD_ENTRY, {"class_name": "ThresholdedReLU", "config": {"theta": 0.1}}, bare(dense())), 15),
        (sequential(OLD_ENTRY, {"class_name": "LeakyReLU", "config": {"alpha": 0.1}}, bare(dense())), 15),
        (
            sequential(
                {
                    "class_name": "Embedding",
                    "config": {"input_dim": 9, "output_dim": 4, "input_length": 5, "batch_input_shape": [None, 5]},
                },
                {"class_name": "LSTM", "config": {"units": 2, "implementation": 2, "time_major": False}},
            ),
            36 + 4 * (4 * 2 + 2 * 2 + 2),
        ),
    ],
)
def test_keras_2(payload: Document, expected: int) -> None:
    report = count_document(payload)
    assert sum(numbers(report)) == expected
    assert report.exact


def test_rows_are_those_of_keras() -> None:
    rows_by_path = rows(count_document(COUNTED["a layer called twice is counted once"][0]))
    assert [(path, row.type, row.output) for path, row in rows_by_path.items()] == [
        ("x", "InputLayer", (None, 4)),
        ("y", "InputLayer", (None, 4)),
        ("d", "Dense", (None, 3)),
        ("add", "Add", (None, 3)),
    ]
    assert list(rows(count_document(sequential(entry(), bare(dense()))))) == ["dense"]  # a Sequential shows no input


def test_the_shape_of_a_row_is_that_of_the_last_call() -> None:
    again = functional(
        entry("x", 5, 4),
        entry("y", 6, 4),
        dense("d", "x", "y"),
        inputs=[["x", 0, 0], ["y", 0, 0]],
        outputs=[["d", 1, 0]],
    )
    assert rows(count_document(again))["d"].output == (None, 6, 3)


def test_a_stated_shape_replaces_one_that_cannot_be_computed() -> None:
    function = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}
    payload = functional(
        entry(), layer("Lambda", "f", "x", function=function), dense("d", tensor("f", shape=(None, 9)))
    )
    report = count_document(payload)
    assert numbers(report) == (30, 0)
    assert codes(report) == {"code_not_read"}
    assert not report.exact


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"])
def test_weights_outside_the_json(kind: str) -> None:
    report = count_document(functional(entry(), layer(kind, "outside", "x", module="..."), dense("d", "outside")))
    assert numbers(report) == (15, 0)
    assert [(n.code, n.path) for n in report.warnings if not n.exact] == [("code_not_read", "outside")]


@pytest.mark.parametrize(
    ("optimizer", "detail"),
    [
        (OPTIMIZER, "Adam keeps 32 variables (2 × 15 + 2)"),
        ({**OPTIMIZER, "config": {"amsgrad": True, "use_ema": True}}, "Adam keeps 62 variables (4 × 15 + 2)"),
        ({**OPTIMIZER, "class_name": "SGD"}, "SGD keeps 2 variables"),
        ({**OPTIMIZER, "config": {"learning_rate": {"class_name": "ExponentialDecay"}}}, "keeps 31 variables"),
        ("rmsprop", "RMSprop keeps 17 variables"),
        ({"class_name": "Mine", "config": {}}, '"Mine", whose variables are not in the total'),
        ({"class_name": "Adam", "config": None}, "whose variables are not in the total"),
    ],
)
def test_the_optimizer_is_reported_and_not_counted(optimizer: Any, detail: str) -> None:
    report = count_document({**COUNTED["one layer"][0], "compile_config": {"optimizer": optimizer}})
    assert numbers(report) == (15, 0)
    assert report.exact
    (warning,) = report.warnings
    assert warning.code == "optimizer"
    assert detail in warning.detail


def test_a_flag_that_is_not_inherited_is_reported() -> None:
    report = count_document(COUNTED["a frozen attention"][0])
    assert [(n.code, n.path, n.exact) for n in report.warnings] == [("flag_not_inherited", "mha", True)]


def _wrapper(kind: str, inner: dict[str, Any], **config: Any) -> dict[str, Any]:
    """Return a frozen wrapper; its inner layer has a flag of its own."""
    return {"class_name": kind, "config": {"name": "w", "trainable": False, **inner, **config}}


def _inner(kind: str, trainable: bool, **config: Any) -> dict[str, Any]:
    return {"class_name": kind, "config": {"name": kind.lower(), "trainable": trainable, **config}}


@pytest.mark.parametrize(
    ("wrapper", "trainable"),  # as keras 3.15.1 rebuilds it, on 4 steps of 5
    [
        (_wrapper("TimeDistributed", {"layer": _inner("Dense", True, units=3)}), 18),
        (_wrapper("TimeDistributed", {"layer": _inner("Dense", False, units=3)}), 0),
        (_wrapper("Bidirectional", {"layer": _inner("LSTM", True, units=3)}), 216),
        (_wrapper("Bidirectional", {"layer": _inner("LSTM", False, units=3)}), 0),
        (_wrapper("Bidirectional", {"layer": _inner("LSTM", False, units=3)},
                  backward_layer=_inner("LSTM", True, units=3, go_backwards=True)), 108),
        (_wrapper("RNN", {"cell": _inner("StackedRNNCells", True, cells=[
            _inner("LSTMCell", False, units=3), _inner("GRUCell", True, units=2)])}), 42),
        (_wrapper("RNN", {"cell": _inner("StackedRNNCells", True, cells=[
            _inner("LSTMCell", False, units=3), _inner("GRUCell", False, units=2)])}), 0),
        (_wrapper("TimeDistributed", {"layer": {"class_name": "Sequential", "config": {"name": "s", "layers": [
            {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 5]}},
            _inner("Dense", False, units=3)]}}}), 0),
    ],
)  # fmt: skip
def test_a_flag_that_is_not_inherited_is_reported_only_where_something_trains(
    wrapper: dict[str, Any], trainable: int
) -> None:
    entry = {"class_name": "InputLayer", "config": {"name": "i", "batch_shape": [None, 4, 5]}}
    report = count_document({"class_name": "Sequential", "config": {"name": "s", "layers": [entry, wrapper]}})
    assert report.root.totals.trainable == trainable
    assert [warning.code for warning in report.warnings] == ["flag_not_inherited"] * bool(trainable)


CUSTOM = {**dense("mine", "x"), "module": "my_code", "registered_name": "my_code>Dense"}
UNKNOWN = {**dense("mine", "x"), "class_name": "MyLayer", "module": None, "registered_name": "my_code>MyLayer"}


def test_a_custom_class_is_never_the_built_in_one_of_its_name() -> None:
    with pytest.raises(Problems) as refused:
        count_document(functional(entry(), CUSTOM))
    (problem,) = refused.value.problems
    assert (problem.pointer, problem.code) == ("/config/layers/1/class_name", "unknown_layer")
    assert "my_code.Dense" in problem.detail


def test_a_cached_layer_is_not_taken_for_a_custom_class() -> None:
    plain = {name: value for name, value in bare(dense()).items() if name != "module"}
    for _ in range(2):
        assert numbers(count_document(sequential(entry(), plain))) == (15, 0)
        with pytest.raises(Problems) as refused:
            count_document(sequential(entry(), {**plain, "module": None}))
        assert "custom.Dense" in refused.value.problems[0].detail


def test_an_unknown_class_is_left_out_on_request() -> None:
    payload = functional(entry(), UNKNOWN, dense("d", "mine"))
    with pytest.raises(Problems, match="problems"):
        count_document(payload)
    report = count_document(payload, unknown="report")
    assert numbers(report) == (15, 0)
    assert codes(report) == {"unknown_layer"}
    assert not report.exact


def test_a_model_of_a_custom_class_may_have_more_tensors() -> None:
    report = count_document({**COUNTED["one layer"][0], "module": "my_code", "class_name": "Mine"})
    assert numbers(report) == (15, 0)
    assert codes(report) == {"custom_model"}
    assert not report.exact


def test_a_layer_that_feeds_nothing_is_no_part_of_the_model() -> None:
    report = count_document(functional(entry(), dense("aside", "x"), dense("d", "x")))
    assert list(rows(report)) == ["x", "d"]
    assert [(n.code, n.path, n.exact) for n in report.warnings] == [("unused_layer", "aside", True)]


def test_one_policy_for_many_layers_is_not_followed() -> None:
    policies = {"module": "keras", "class_name": "DTypePolicyMap", "config": {"default_policy": None, "policy_map": {}}}
    assert codes(count_document(functional(entry(), dense("d", "x", dtype=policies)))) == {"dtype_map"}


@pytest.mark.parametrize(
    ("policy", "size"),
    [
        ("float16", 2),
        ("mixed_bfloat16", 4),
        ({"class_name": "DTypePolicy", "config": {"name": "bfloat16"}}, 2),
        ({"class_name": "Policy", "config": None}, 4),
        (3, 4),
        (None, 4),
    ],
)
def test_bytes(policy: Any, size: int) -> None:
    assert count_document(functional(entry(), dense("d", "x", dtype=policy))).root.totals.bytes == 15 * size
