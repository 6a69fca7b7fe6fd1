"""keras: what is read without decoding all of it is what is read of all of it, and what must be decoded is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given

from paramcount.counting.count import count
from paramcount.formats.detect import check
from paramcount.model.cache import MAX_KEY_BYTES
from paramcount.model.document import Document as Read
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row
from paramcount.schema.registry import FORMATS
from tests.formats.keras_documents import (
    COUNTED,
    Document,
    called,
    dense,
    entry,
    functional,
    layer,
    node,
    numbers,
    report,
    sequential,
    tensor,
)
from tests.formats.test_keras_refused import altered

RESNET = Path("examples/resnet50-keras.json").read_bytes()
MODEL = functional(entry(), dense("d", "x"))  # 4·3 + 3
FUNCTIONAL = {name: found for name, found in COUNTED.items() if found[0]["class_name"] == "Functional"}


def lazily(payload: Document | bytes) -> Read | None:
    """What is read of it once its layers are known; a dict as Keras writes it."""
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    read = FORMATS["keras"].lazily
    assert read is not None
    for _ in range(2):
        read(raw)
    return read(raw)


def told(found: Report) -> tuple[Any, ...]:
    return found.root, found.warnings, found.weights_by_dtype, found.buffers_by_dtype


@pytest.mark.parametrize(("payload", "trainable", "frozen"), FUNCTIONAL.values(), ids=FUNCTIONAL)
def test_counted(payload: Document, trainable: int, frozen: int) -> None:
    found = lazily(payload)
    assert found is not None
    assert numbers(count(found)) == (trainable, frozen)
    assert told(count(found)) == told(report(payload))


def test_a_published_model() -> None:
    found = lazily(RESNET)
    assert found is not None
    assert sum(numbers(count(found))) == 25_636_712
    assert told(count(found)) == told(report(json.loads(RESNET)))


def test_without_spaces() -> None:
    found = lazily(json.dumps(MODEL, separators=(",", ":")).encode())
    assert found is not None
    assert numbers(count(found)) == (15, 0)


def policy(name: str) -> Document:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}


def test_a_name_is_told_from_the_same_word_elsewhere() -> None:
    """Layers that are called as their dtype is, and one whose config has another name than it."""
    layers = [entry()]
    for name in ("float32", "float16", "float64", "d"):
        inner = "float16" if name == "d" else name
        layers.append(dense(name, layers[-1]["name"], units=4, dtype=policy(inner)))
    odd = dense("odd", "d", units=4)
    odd["config"]["name"] = "d"
    found = lazily(functional(*layers, odd))
    assert found is not None
    sizes = {row.name: row.totals.bytes for row in count(found).root.children if row.tensors}
    assert sizes == {"float32": 80, "float16": 40, "float64": 160, "d": 40, "odd": 80}  # 4·4 + 4 elements


def test_a_name_is_told_from_the_same_word_written_otherwise() -> None:
    sizes = []
    for name in ("float16", "float32"):
        raw = json.dumps(functional(entry(), dense(name, "x", dtype=policy(name)))).encode()
        found = lazily(raw.replace(b'{"name": "%b"}' % name.encode(), b'{"name":"%b"}' % name.encode()))
        assert found is not None
        sizes.append(count(found).root.totals.bytes)
    assert sizes == [30, 60]


def test_a_long_config_is_read_each_time() -> None:
    found = lazily(functional(entry(), dense("d", "x", kernel_initializer="x" * MAX_KEY_BYTES)))
    assert found is not None
    assert numbers(count(found)) == (15, 0)


def test_layers_that_differ_in_one_argument_are_not_taken_for_each_other() -> None:
    units = {f"d{n}": n for n in range(1, 9)}
    found = lazily(functional(entry(), *(dense(name, "x", units=n) for name, n in units.items()), outputs=ends(units)))
    assert found is not None
    rows: dict[str, Row] = {row.name: row for row in count(found).root.children}
    assert {name: rows[name].totals.trainable for name in units} == {name: 5 * n for name, n in units.items()}


def ends(names: Any) -> list[Any]:
    return [[name, 0, 0] for name in names]


def changed(**members: Any) -> Document:
    """The model, with a layer that has these members, or lacks them where they are None."""
    first, last = MODEL["config"]["layers"]
    item = {**last, **members}
    return functional(first, {name: value for name, value in item.items() if value is not None})


def nested(levels: int) -> Document:
    return MODEL if levels == 0 else functional(entry(), called(nested(levels - 1), "m", "x"))


UNFIT: dict[str, Document | bytes] = {
    "a sequence": sequential(entry(), dense()),
    "a class of one's own": {**MODEL, "class_name": "Mine"},
    "a layer alone": dense("d", "x"),
    "Keras 2": {**changed(inbound_nodes=[[["x", 0, 0, {}]]]), "keras_version": "2.12.0", "backend": "tensorflow"},
    "a member that is not known": {**MODEL, "more": 1},
    "a member of a layer that is not known": changed(more=1),
    "a member of the model's config that is not known": functional(entry(), dense("d", "x"), more=1),
    "no class": changed(class_name=None),
    "no config": changed(config=None),
    "a config that is no object": changed(config=[]),
    "a name that is no string": changed(name=1),
    "a flag that is none": changed(config={"name": "d", "units": 3, "trainable": 1}),
    "nodes that are no list": changed(inbound_nodes={}),
    "a node that is none": changed(inbound_nodes=[1]),
    "no layers": {**MODEL, "config": {**MODEL["config"], "layers": []}},
    "a name that is no string, of the model": functional(entry(), dense("d", "x"), name=None),
    "a flag that is none, of the model": functional(entry(), dense("d", "x"), trainable="yes"),
    "no inputs": {**MODEL, "config": {k: v for k, v in MODEL["config"].items() if k != "input_layers"}},
    "inputs that are no references": functional(entry(), dense("d", "x"), inputs=[["x", 0]]),
    "another alphabet": json.dumps(functional(entry(), dense("é", "x")), ensure_ascii=False).encode(),
    "no UTF-8": json.dumps(MODEL).encode().replace(b'"Dense"', b'"Dense\xff"'),
    "Latin-1": json.dumps(functional(entry(), dense("é", "x")), ensure_ascii=False).encode("latin-1"),
    "NaN": json.dumps(functional(entry(), dense("d", "x", units=3, rate=float("nan")))).encode(),
    "half of it": json.dumps(MODEL).encode()[:-40],
    "more after it": json.dumps(MODEL).encode() + b"{}",
    "nothing": b"",
    "very deep lists": json.dumps(MODEL).encode().replace(b'"units": 3', b'"units": ' + b"[" * 100_000),
    "too many models in models": nested(50),
}


@pytest.mark.parametrize("payload", UNFIT.values(), ids=UNFIT)
def test_what_must_be_decoded(payload: Document | bytes) -> None:
    assert lazily(payload) is None


ODD: dict[str, list[Any]] = {
    "nothing": [],
    "a flag": [node("x", training=True)],
    "an argument that is null": [node("x", mask=None)],
    "two calls": [node("x"), node("x")],
    "two arguments": [node(("x", "x"))],
    "a list": [node(([tensor("x"), tensor("x")],))],
    "a list in a list": [node(([[tensor("x")]],))],
    "by name": [{"args": [], "kwargs": {"inputs": tensor("x")}}],
    "a shape of another length": [node(tensor("x", shape=(None, 4, 4)))],
    "an axis that is no number": [node(tensor("x", shape=(None, 4.0)))],
    "an axis that is too long": [node(tensor("x", shape=(None, 2**41)))],
    "a call that is none": [node(tensor("x", call=-1))],
    "a call that is not there": [node(tensor("x", call=1))],
    "a layer that is not there": [node("y")],
    "a layer without a name": [node(tensor(None))],  # type: ignore[arg-type]
    "no tensor": [node(({"class_name": "__numpy__", "config": {"value": 1.0, "dtype": "float32"}},))],
}


@pytest.mark.parametrize("nodes", ODD.values(), ids=ODD)
def test_calls_are_read_as_they_are_when_all_is_decoded(nodes: list[Any]) -> None:
    payload = changed(inbound_nodes=nodes)
    decoded = is_refused(payload) or "__keras_tensor__" not in json.dumps(payload)
    assert (lazily(payload) is None) == decoded
    agree(payload)
    agree(functional(entry(), {**layer("Add", "add"), "inbound_nodes": nodes}))


def is_refused(payload: Document) -> bool:
    """Whether a reader that decodes all refuses it."""
    try:
        FORMATS["keras"].read(payload)
    except Problems:
        return True
    return False


def agree(payload: Document) -> None:
    """What is read lazily is what is read of all: the same report, or the same problems."""
    if (found := lazily(payload)) is None:
        return
    whole = orjson.loads(json.dumps(payload))
    check(whole, FORMATS["keras"])
    outcomes = []
    for read in (found, FORMATS["keras"].read(whole)):
        try:
            outcomes.append(told(count(read)))
        except Problems as refused:
            outcomes.append(tuple((problem.pointer, problem.detail) for problem in refused.problems))
    assert outcomes[0] == outcomes[1]


@given(altered([found[0] for found in FUNCTIONAL.values()]))
def test_any_change_is_read_as_it_is_when_all_is_decoded(payload: Document) -> None:
    agree(payload)
