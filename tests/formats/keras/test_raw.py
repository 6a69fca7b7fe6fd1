"""keras: a layer's JSON is decoded once and cached; the result is the same from the cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paramcount.counting import evaluate
from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.keras.leaf import LEAVES
from paramcount.formats.source import NotJSON, Source
from paramcount.model.cache import MAX_KEY_BYTES
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.json_values import altered
from tools.cases.keras_documents import (
    COUNTED,
    Document,
    bare,
    dense,
    entry,
    functional,
    layer,
    nest,
    node,
    numbers,
    sequential,
    tensor,
)

KERAS = FORMATS["keras"]
RESNET = (Path(__file__).parents[3] / "examples/resnet50-keras.json").read_bytes()
MODEL = functional(entry(), dense("d", "x"))  # 4·3 + 3
DOCUMENTS = [counted[0] for counted in COUNTED.values()]


def forget() -> None:
    LEAVES.clear()
    evaluate._RESULTS.clear()  # noqa: SLF001


def outcome(raw: bytes) -> object:
    """Return the counts of a document's JSON, or all its problems."""
    try:
        report = count(read(Source.from_json(raw), KERAS))
    except NotJSON as error:
        return str(error)
    except Problems as refused:
        return tuple((problem.pointer, problem.code, problem.detail) for problem in refused.problems)
    return report.root, report.warnings, report.weights_by_dtype, report.buffers_by_dtype


def count_document(raw: bytes | Document) -> Report:
    """Count a document whose layers are in the cache."""
    raw = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    for _ in range(2):
        read(Source.from_json(raw), KERAS)
    return count(read(Source.from_json(raw), KERAS))


@pytest.mark.parametrize(("payload", "trainable", "frozen"), COUNTED.values(), ids=COUNTED)
def test_counted(payload: Document, trainable: int, frozen: int) -> None:
    assert numbers(count_document(payload)) == (trainable, frozen)


def test_a_published_model() -> None:
    assert sum(numbers(count_document(RESNET))) == 25_636_712


def policy(name: str) -> Document:
    return {"module": "keras", "class_name": "DTypePolicy", "config": {"name": name}, "registered_name": None}


def test_layers_that_are_called_like_a_dtype() -> None:
    """A layer's name is never taken for the same word elsewhere in its config."""
    layers = [entry()]
    for name in ("float32", "float16", "float64", "d"):
        inner = "float16" if name == "d" else name
        layers.append(dense(name, layers[-1]["name"], units=4, dtype=policy(inner)))
    last = dense("last", "d", units=4)
    last["config"]["name"] = "d"
    sizes = {
        row.name: row.totals.bytes for row in count_document(functional(*layers, last)).root.children if row.tensors
    }
    assert sizes == {"float32": 80, "float16": 40, "float64": 160, "d": 40, "last": 80}  # 4·4 + 4 elements


@pytest.mark.parametrize("first", ["float16", "float32"])
def test_layers_that_differ_in_dtype_only(first: str) -> None:
    """15 elements of 2 and of 4 bytes, whichever is read first."""
    second = "float32" if first == "float16" else "float16"
    for name in (first, second, first):
        item = dense("float16", "x")
        config = {"dtype": policy(name), "name": "float16", "units": 3}
        assert count_document(functional(entry(), {**item, "name": name, "config": config})).root.totals.bytes == (
            30 if name == "float16" else 60
        )


def test_a_long_config_is_read_each_time() -> None:
    assert numbers(count_document(functional(entry(), dense("d", "x", kernel_initializer="x" * MAX_KEY_BYTES)))) == (
        15,
        0,
    )


def test_layers_that_differ_in_one_argument() -> None:
    units = {f"d{n}": n for n in range(1, 9)}
    ends = [[name, 0, 0] for name in units]
    model = functional(entry(), *(dense(name, "x", units=n) for name, n in units.items()), outputs=ends)
    rows = {row.name: row for row in count_document(model).root.children}
    assert {name: rows[name].totals.trainable for name in units} == {name: 5 * n for name, n in units.items()}


def change_layer(**members: Any) -> Document:
    """Return the model, with a layer that has these members, or lacks those that are None."""
    first, last = MODEL["config"]["layers"]
    item = {**last, **members}
    return functional(first, {name: value for name, value in item.items() if value is not None})


def nest_model(levels: int) -> Document:
    """Return the model inside so many models."""
    return MODEL if levels == 0 else functional(entry(), nest(nest_model(levels - 1), "m", "x"))


NOT_JSON: dict[str, bytes] = {
    "no UTF-8": json.dumps(MODEL).encode().replace(b'"Dense"', b'"Dense\xff"'),
    "Latin-1": json.dumps(functional(entry(), dense("é", "x")), ensure_ascii=False).encode("latin-1"),
    "NaN": json.dumps(functional(entry(), dense("d", "x", units=3, rate=float("nan")))).encode(),
    "half of it": json.dumps(MODEL).encode()[:-40],
    "more after it": json.dumps(MODEL).encode() + b"{}",
    "nothing": b"",
    "very deep lists": json.dumps(MODEL).encode().replace(b'"units": 3', b'"units": ' + b"[" * 100_000),
}


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON)
def test_not_json(raw: bytes) -> None:
    for _ in range(3):
        with pytest.raises(NotJSON):
            read(Source.from_json(raw), KERAS)


REFUSED: dict[str, Document] = {
    "an input without a config": functional({**entry(), "config": None}, dense("d", "x")),
    "layers that are none, in a layer": change_layer(config={"name": "d", "units": 3, "layers": 3}),
    "a layer that is none, in a layer": change_layer(config={"name": "d", "units": 3, "layers": ["x"]}),
    "no class": change_layer(class_name=None),
    "no config": change_layer(config=None),
    "a config that is no object": change_layer(config=[]),
    "a name that is no string": change_layer(name=1),
    "a flag that is none": change_layer(config={"name": "d", "units": 3, "trainable": 1}),
    "nodes that are no list": change_layer(inbound_nodes={}),
    "a node that is none": change_layer(inbound_nodes=[1]),
    "no layers": {**MODEL, "config": {**MODEL["config"], "layers": []}},
    "a flag that is none, of the model": functional(entry(), dense("d", "x"), trainable="yes"),
    "no inputs": {**MODEL, "config": {k: v for k, v in MODEL["config"].items() if k != "input_layers"}},
    "inputs that are no references": functional(entry(), dense("d", "x"), inputs=[["x", 0]]),
    "too many models in models": nest_model(50),
}


def test_a_layer_without_a_config_is_refused_each_time() -> None:
    first = {name: value for name, value in entry().items() if name != "config"}
    for _ in range(4):
        assert outcome(json.dumps(functional(first, dense("d", "x"))).encode()) == (
            ("/config/layers/0/config", "required", "is required"),
        )


@pytest.mark.parametrize("payload", REFUSED.values(), ids=REFUSED)
def test_refused(payload: Document) -> None:
    for _ in range(3):
        with pytest.raises(Problems):
            count_document(payload)


COUNTED_HERE: dict[str, tuple[Document | bytes, int]] = {
    "a member that is not known": ({**MODEL, "more": 1}, 15),
    "a member of a layer that is not known": (change_layer(more=1), 15),
    "a member of the model's config that is not known": (functional(entry(), dense("d", "x"), more=1), 15),
    "another alphabet": (json.dumps(functional(entry(), dense("é", "x")), ensure_ascii=False).encode(), 15),
    "no spaces": (json.dumps(MODEL, separators=(",", ":")).encode(), 15),
    "a sequence as Keras 1 wrote it": ({**sequential(), "config": [entry(), dense()]}, 15),
    "Keras 2": (change_layer(inbound_nodes=[[["x", 0, 0, {}]]]), 15),
    "a list of one call's tensors": (change_layer(inbound_nodes=[node(([tensor("x")],))]), 15),
    "an argument that is null": (change_layer(inbound_nodes=[node("x", mask=None)]), 15),
    "by name": (change_layer(inbound_nodes=[{"args": [], "kwargs": {"inputs": tensor("x")}}]), 15),
}


@pytest.mark.parametrize(("payload", "total"), COUNTED_HERE.values(), ids=COUNTED_HERE)
def test_written_otherwise(payload: Document | bytes, total: int) -> None:
    assert sum(numbers(count_document(payload))) == total


UNUSUAL_NODES: dict[str, list[Any]] = {
    "nothing": [],
    "a flag": [node("x", training=True)],
    "two calls": [node("x"), node("x")],
    "two arguments": [node(("x", "x"))],
    "a list": [node(([tensor("x"), tensor("x")],))],
    "a list in a list": [node(([[tensor("x")]],))],
    "a shape of another length": [node(tensor("x", shape=(None, 4, 4)))],
    "an axis that is no number": [node(tensor("x", shape=(None, 4.0)))],
    "an axis that is too long": [node(tensor("x", shape=(None, 2**41)))],
    "a call that is none": [node(tensor("x", call=-1))],
    "a call that is not there": [node(tensor("x", call=1))],
    "a layer that is not there": [node("y")],
    "a layer without a name": [node(tensor(None))],  # type: ignore[arg-type]
    "no tensor": [node(({"class_name": "__numpy__", "config": {"value": 1.0, "dtype": "float32"}},))],
}


@pytest.mark.parametrize("nodes", UNUSUAL_NODES.values(), ids=UNUSUAL_NODES)
@pytest.mark.parametrize("item", [dense("d"), layer("Add", "add")], ids=["Dense", "Add"])
def test_unusual_calls_are_read_the_same_from_the_cache(nodes: list[Any], item: Document) -> None:
    raw = json.dumps(functional(entry(), {**item, "inbound_nodes": nodes})).encode()
    forget()
    first = outcome(raw)
    assert [outcome(raw) for _ in range(3)] == [first] * 3


@st.composite
def shuffled(draw: st.DrawFn, document: Any) -> Any:
    """The document with the members of its objects in any order."""
    if isinstance(document, dict):
        return {name: draw(shuffled(document[name])) for name in draw(st.permutations(list(document)))}
    return [draw(shuffled(item)) for item in document] if isinstance(document, list) else document


@st.composite
def written(draw: st.DrawFn) -> bytes:
    """Draw the JSON of a document with one value replaced, its members in any order, with spaces or without."""
    document = draw(altered(DOCUMENTS))
    if draw(st.booleans()):
        document = draw(shuffled(document))
    layers = document.get("config", {}).get("layers") if isinstance(document.get("config"), dict) else None
    if layers and isinstance(layers, list) and isinstance(item := draw(st.sampled_from(layers)), dict) and item:
        del item[draw(st.sampled_from(sorted(item)))]
    separators = draw(st.sampled_from([None, (",", ":")]))
    return json.dumps(document, separators=separators, ensure_ascii=draw(st.booleans())).encode(errors="replace")


@given(written(), written())
@settings(max_examples=40)
def test_the_cache_changes_no_result(first: bytes, second: bytes) -> None:
    forget()
    expected = outcome(second)
    for _ in range(3):
        outcome(first)
        assert outcome(second) == expected


@given(written())
def test_every_refusal_has_a_problem(raw: bytes) -> None:
    """The reader refuses, the schema only explains: no refusal is without a problem."""
    assert outcome(raw) != ()


def test_depth_is_bounded_for_layers_that_were_read_before() -> None:
    def chain(levels: int) -> bytes:
        item: Document = bare(dense())
        for _ in range(levels):
            item = bare(sequential(item))
        return json.dumps(sequential(entry(), item)).encode()

    forget()
    for _ in range(3):
        outcome(chain(1))
    assert [code for _, code, _ in outcome(chain(40))] == ["too_large"]  # type: ignore[attr-defined]


@pytest.mark.parametrize("value", [2**64, 10**25, [[[]]]], ids=["2^64", "10^25", "lists"])
def test_a_value_that_nobody_reads_is_no_matter(value: object) -> None:
    assert read({**MODEL, "x": value}, KERAS).root.name == "model"


@pytest.mark.parametrize("padding", [0, 5000])
@pytest.mark.parametrize("form", [None, "keras"])
def test_a_number_that_nobody_reads_is_no_matter(padding: int, form: str | None) -> None:
    raw = json.dumps({**MODEL, "x": 0}).replace('"x": 0', f'"x": 1e999{" " * padding}').encode()
    source = Source.from_json(raw)
    assert numbers(count(read(source, detect(source, form)))) == (15, 0)
