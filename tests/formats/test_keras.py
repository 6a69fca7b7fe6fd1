"""keras: what Keras counts of a document, and what the report must say of it."""

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
    dense,
    entry,
    functional,
    layer,
    nest,
    numbers,
    report,
    sequential,
    tensor,
)


def rows(found: Report) -> dict[str, Row]:
    return {row.path: row for row in found.root.children}


def codes(found: Report) -> set[str]:
    return {warning.code for warning in found.warnings}


@pytest.mark.parametrize(("payload", "trainable", "frozen"), COUNTED.values(), ids=COUNTED)
def test_counted(payload: Document, trainable: int, frozen: int) -> None:
    found = report(payload)
    assert numbers(found) == (trainable, frozen)
    assert found.exact


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
        (  # an operation stands alone in its node, and what comes of it is known by what was built on it
            keras_2(
                {"plus": [["x", 0, 0, {"y": 1.0, "name": None}]], "d": [[["plus", 0, 0, {}]]]},
                *(entry(), layer("TFOpLambda", "plus", function="__operators__.add")),
                {**dense("d"), "build_config": {"input_shape": [None, 4]}},
                ends=([["x", 0, 0]], [["d", 0, 0]]),
            ),
            15,
        ),
        (  # initial states stand in one list with the sequences
            keras_2(
                {"lstm": [[["x", 0, 0, {}], ["h", 0, 0, {}], ["c", 0, 0, {}]]]},
                *(entry("x", 5, 4), entry("h", 2), entry("c", 2), layer("LSTM", "lstm", units=2)),
                ends=([["x", 0, 0], ["h", 0, 0], ["c", 0, 0]], [["lstm", 0, 0]]),
            ),
            56,
        ),
        (  # a second input stands among the other arguments
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
    found = report(payload)
    assert sum(numbers(found)) == expected
    assert found.exact


def test_rows_are_those_of_keras() -> None:
    found = rows(report(COUNTED["a layer called twice is counted once"][0]))
    assert [(path, row.type, row.output) for path, row in found.items()] == [
        ("x", "InputLayer", (None, 4)),
        ("y", "InputLayer", (None, 4)),
        ("d", "Dense", (None, 3)),
        ("add", "Add", (None, 3)),
    ]
    assert list(rows(report(sequential(entry(), bare(dense()))))) == ["dense"]  # a Sequential shows no input


def test_the_shape_of_a_row_is_that_of_the_last_call() -> None:
    again = functional(
        entry("x", 5, 4),
        entry("y", 6, 4),
        dense("d", "x", "y"),
        inputs=[["x", 0, 0], ["y", 0, 0]],
        outputs=[["d", 1, 0]],
    )
    assert rows(report(again))["d"].output == (None, 6, 3)


def test_a_stated_shape_stands_for_one_that_nobody_can_know() -> None:
    function = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}
    payload = functional(
        entry(), layer("Lambda", "f", "x", function=function), dense("d", tensor("f", shape=(None, 9)))
    )
    found = report(payload)
    assert numbers(found) == (30, 0)
    assert codes(found) == {"code_not_read"}
    assert not found.exact


@pytest.mark.parametrize("kind", ["TorchModuleWrapper", "TFSMLayer", "JaxLayer", "FlaxLayer"])
def test_what_the_json_does_not_hold(kind: str) -> None:
    found = report(functional(entry(), layer(kind, "outside", "x", module="..."), dense("d", "outside")))
    assert numbers(found) == (15, 0)
    assert [(n.code, n.path) for n in found.warnings if not n.exact] == [("code_not_read", "outside")]


@pytest.mark.parametrize(
    ("optimizer", "said"),
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
def test_the_optimizer_is_told_and_not_counted(optimizer: Any, said: str) -> None:
    found = report({**COUNTED["one layer"][0], "compile_config": {"optimizer": optimizer}})
    assert numbers(found) == (15, 0)
    assert found.exact
    (warning,) = found.warnings
    assert warning.code == "optimizer"
    assert said in warning.detail


def test_a_flag_that_does_not_reach_inside_is_told() -> None:
    found = report(COUNTED["a frozen attention"][0])
    assert [(n.code, n.path, n.exact) for n in found.warnings] == [("flag_not_inherited", "mha", True)]


CUSTOM = {**dense("mine", "x"), "module": "my_code", "registered_name": "my_code>Dense"}
UNKNOWN = {**dense("mine", "x"), "class_name": "MyLayer", "module": None, "registered_name": "my_code>MyLayer"}


def test_a_class_of_ones_own_is_never_its_namesake() -> None:
    with pytest.raises(Problems) as refused:
        report(functional(entry(), CUSTOM))
    (problem,) = refused.value.problems
    assert (problem.pointer, problem.code) == ("/config/layers/1/class_name", "unknown_layer")
    assert "my_code.Dense" in problem.detail


def test_what_was_read_before_says_nothing_of_a_class_of_ones_own() -> None:
    plain = {name: value for name, value in bare(dense()).items() if name != "module"}
    for _ in range(2):
        assert numbers(report(sequential(entry(), plain))) == (15, 0)
        with pytest.raises(Problems) as refused:
            report(sequential(entry(), {**plain, "module": None}))
        assert "custom.Dense" in refused.value.problems[0].detail


def test_an_unknown_class_is_left_out_where_that_is_asked_for() -> None:
    payload = functional(entry(), UNKNOWN, dense("d", "mine"))
    with pytest.raises(Problems, match="problems"):
        report(payload)
    found = report(payload, unknown="report")
    assert numbers(found) == (15, 0)
    assert codes(found) == {"unknown_layer"}
    assert not found.exact


def test_a_model_of_a_class_of_ones_own_may_own_more() -> None:
    found = report({**COUNTED["one layer"][0], "module": "my_code", "class_name": "Mine"})
    assert numbers(found) == (15, 0)
    assert codes(found) == {"custom_model"}
    assert not found.exact


def test_a_layer_that_feeds_nothing_is_no_part_of_the_model() -> None:
    found = report(functional(entry(), dense("aside", "x"), dense("d", "x")))
    assert list(rows(found)) == ["x", "d"]
    assert [(n.code, n.path, n.exact) for n in found.warnings] == [("unused_layer", "aside", True)]


def test_one_policy_for_many_layers_is_not_followed() -> None:
    policies = {"module": "keras", "class_name": "DTypePolicyMap", "config": {"default_policy": None, "policy_map": {}}}
    assert codes(report(functional(entry(), dense("d", "x", dtype=policies)))) == {"dtype_map"}


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
    assert report(functional(entry(), dense("d", "x", dtype=policy))).root.totals.bytes == 15 * size
