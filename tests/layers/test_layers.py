"""Every layer type against its table."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.native import NativeReader
from paramcount.model.document import Document
from paramcount.model.errors import Problems
from paramcount.model.layers import Call, Graph, Layer, Ref
from paramcount.schema.registry import FRAMEWORKS, LAYERS
from tools.cases.layers import Case, cases, is_shape, shape

CASES = [case for framework in FRAMEWORKS for case in cases(framework)]
BUILT_IN = [name for name, layer_type in LAYERS.items() if layer_type.origin.startswith("paramcount.")]


def document(case: Case) -> Document:
    """A model of one layer, called on the inputs of a case."""
    framework, _, class_name = case.type.partition(".")
    inputs: list[Any] = []

    def to_refs(value: Any) -> Any:
        if is_shape(value):
            inputs.append(shape(value))
            return Ref(f"input_{len(inputs) - 1}")
        return [to_refs(one) for one in value] if isinstance(value, list) else {k: to_refs(v) for k, v in value.items()}

    call = Call(
        tuple(to_refs(value) for value in case.inputs), {n: to_refs(v) for n, v in case.kwargs.items()} | case.flags
    )
    layer = Layer("it", class_name, config=case.config, calls=(call,))
    names = tuple(f"input_{index}" for index in range(len(inputs)))
    root = Layer("", "Model", children=(layer,), graph=Graph(names, Ref("it")))
    return Document(
        root, "keras", framework, inputs=tuple(inputs), read_nested_layer=NativeReader(framework).read_nested_layer
    )


@pytest.mark.parametrize("name", [name for name in BUILT_IN if name.startswith("keras.")])
def test_a_weightless_layer_has_no_tensors(name: str) -> None:
    totals = {case.total for case in CASES if case.type == name and not case.error}
    assert LAYERS[name].weightless == (totals == {0} and not LAYERS[name].signature.parts)


@pytest.mark.parametrize("case", [case for case in CASES if not case.error], ids=lambda case: case.id)
def test_layer(case: Case) -> None:
    (row,) = count(document(case)).root.children
    weights = {t.name: list(t.shape) for t in row.tensors if t.role == "weight" and t.trainable}
    frozen = {t.name: list(t.shape) for t in row.tensors if t.role == "weight" and not t.trainable}
    buffers = {t.name: list(t.shape) for t in row.tensors if t.role == "buffer"}
    assert (weights, frozen, buffers) == (case.tensors, case.frozen, case.buffers)
    assert len(row.tensors) == len({tensor.name for tensor in row.tensors})
    assert row.totals.trainable + row.totals.frozen + row.totals.buffers == case.total
    if case.type.startswith("keras."):
        assert row.output == shape(case.output)


@pytest.mark.parametrize("case", [case for case in CASES if case.error], ids=lambda case: case.id)
def test_refused(case: Case) -> None:
    with pytest.raises(Problems) as raised:
        count(document(case))
    messages = [f"{problem.pointer.rpartition('/')[2]} {problem.detail}".strip() for problem in raised.value.problems]
    assert any(case.error in message for message in messages), messages


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_layer_has_a_case(name: str) -> None:
    assert any(case.type == name and not case.error for case in CASES), f"write a case for {name} in tests/layers"


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_layer_names_its_source(name: str) -> None:
    summary, _, source = LAYERS[name].doc.partition("Source: ")
    assert summary.strip(), f"say in a few words what {name} does"
    assert source.endswith("."), f"end the docstring of {name} with its source: 'Source: keras.layers.Dense.'"
