"""keras: functions of TensorFlow in the graph of a model of Keras 2, as tf.keras 2.15 writes them."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import Problems
from tools.cases.keras_documents import Document, count_document, dense, entry, layer, numbers

FIRST, SECOND = ["x", 0, 0], ["y", 0, 0]


def model(function: str, node: Any, *layers: Document, kind: str = "TFOpLambda", **config: Any) -> Document:
    """A model of a function of TensorFlow on inputs x and y, and of a Dense with 3 units on what it returns."""
    operation = layer(kind, "f", **({"function": function} if function else {}), **config)
    written = [entry("x", 4, 5), entry("y", 5, 6), *layers, operation, dense("d")]
    nodes = {"f": [node], "d": [[["f", 0, 0, {}]]], **{item["name"]: item["inbound_nodes"] for item in layers}}
    for item in written:
        item.pop("module")
        item["inbound_nodes"] = nodes.get(item["name"], [])
    ends = {"input_layers": [FIRST, SECOND], "output_layers": [["d", 0, 0]]}
    return {"class_name": "Functional", "config": {"name": "m", "layers": written, **ends}, "keras_version": "2.4.0"}


def feeding(name: str, **config: Any) -> Document:
    return {**dense(name, **config), "inbound_nodes": [[["x", 0, 0, {}]]]}


# The function, its node, and the shape that the Dense takes: its parameters are 3 times the last axis, and 3.
COUNTED: list[tuple[str, Any, tuple[int | None, ...]]] = [
    ("math.subtract", ["_CONSTANT_VALUE", -1, 1.0, {"y": FIRST, "name": None}], (None, 4, 5)),
    ("__operators__.add", [*FIRST, {"y": 1.0, "name": None}], (None, 4, 5)),
    ("linalg.matmul", [*FIRST, {"b": SECOND, "transpose_b": False}], (None, 4, 6)),
    ("linalg.matmul", ["_CONSTANT_VALUE", -1, [[1.0] * 4] * 7, {"b": FIRST}], (None, 7, 5)),
    ("concat", [[*FIRST, {"axis": -1}], [*FIRST, {"axis": -1}]], (None, 4, 10)),
    ("concat", [[*FIRST, {"axis": 1}], ["_CONSTANT_VALUE", -1, [[[0.0] * 5]], {"axis": 1}]], (1, 5, 5)),
    ("reshape", [*FIRST, {"shape": [-1, 10]}], (None, 10)),
    ("reshape", [*FIRST, {"shape": [["x", 0, 0], 20]}], (None, 20)),
]


@pytest.mark.parametrize(("function", "node", "shape"), COUNTED)
def test_counted(function: str, node: Any, shape: tuple[int | None, ...]) -> None:
    report = count_document(model(function, node))
    rows = {row.name: row for row in report.root.children}
    assert rows["f"].output == shape
    assert numbers(report) == (3 * (shape[-1] or 0) + 3, 0)
    assert report.exact


def test_a_part() -> None:
    specification = [{"start": None, "stop": None, "step": None}, {"start": 1, "stop": 3, "step": None}, 0]
    payload = model("__operators__.getitem", [*FIRST, {"slice_spec": specification}], kind="SlicingOpLambda")
    assert numbers(count_document(payload)) == (9, 0)  # 2·3 + 3


def test_an_operation_of_a_graph() -> None:
    definition = {"name": "sub", "op": "Sub", "input": ["sub/x", "ph"], "attr": {"T": {"type": "DT_FLOAT"}}}
    payload = model("", [[*FIRST, {}]], kind="TensorFlowOpLayer", node_def=definition, constants={"0": 1.0})
    assert numbers(count_document(payload)) == (18, 0)  # 5·3 + 3


EINSUM = ["_CONSTANT_VALUE", -1, "bij,bjk->bik", {}]  # Keras 2 loses the tensors of tf.einsum(equation, *tensors)


def test_what_feeds_a_function_without_written_inputs_is_counted() -> None:
    payload = model("einsum", EINSUM, feeding("before", units=7))
    payload["config"]["layers"][-1]["build_config"] = {"input_shape": [None, 4, 6]}
    report = count_document(payload)
    assert numbers(report) == (5 * 7 + 7 + 6 * 3 + 3, 0)
    assert not report.warnings


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (model("einsum", EINSUM), 'does not state what "f" before it (TFOpLambda) returns'),
        (model("linalg.svd", [*FIRST, {}]), 'does not state what "f" before it (TFOpLambda) returns'),
        (model("math.add", [*FIRST, {"y": SECOND}]), 'does not state what "f" before it (TFOpLambda) returns'),
    ],
)
def test_an_unknown_shape_names_its_function(payload: Document, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    (problem,) = refused.value.problems
    assert (problem.code, problem.pointer) == ("unknown_shape", "/config/layers/3")
    assert detail in problem.detail


@pytest.mark.parametrize(
    ("node", "detail"),
    [
        ([["x", -1, 0]], "must be [name of a layer"),
        ([3], "must be [name of a layer"),
        (["nobody", 0, 0, {}], 'no layer here is called "nobody"'),
        ([*FIRST, {"y": ["nobody", 0, 0]}], 'no layer here is called "nobody"'),
    ],
)
def test_refused(node: Any, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(model("math.add", node))
    assert any(detail in problem.detail for problem in refused.value.problems)
