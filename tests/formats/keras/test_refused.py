"""keras: documents and archives that are refused."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given

from paramcount.formats.detect import detect
from paramcount.formats.keras import archive
from paramcount.formats.source import NotJSON
from paramcount.model.errors import ArchitectureError, Problems
from tests.builders.json_values import altered
from tools.cases.keras_documents import (
    COUNTED,
    INNER,
    Document,
    bare,
    count_document,
    dense,
    entry,
    functional,
    layer,
    nest,
    node,
    numbers,
    problems,
    sequential,
    tensor,
)

LAYERS = "/config/layers"
OUTSIDE = tensor("nobody")
BROKEN = tensor("x") | {"config": {"shape": [None, 4], "keras_history": ["x", 0]}}

REFUSED: list[tuple[Any, str, str]] = [
    (None, "", "must be an object, not null"),
    ([], "", "must be an object"),
    ("{}", "", "must be an object"),
    ({}, "/class_name", "is required"),
    ({"class_name": "Sequential"}, "/config", "is required"),
    ({"class_name": 3, "config": {}}, "/class_name", "must be the name of a class"),
    ({"class_name": "", "config": {}}, "/class_name", "must be the name of a class"),
    ({"class_name": "Sequential", "config": 3}, "/config", "must be an object, not 3"),
    ({"class_name": "Sequential", "config": None}, "/config", "must be an object, not null"),
    (sequential(), LAYERS, "must be a list of at least one layer"),
    (sequential() | {"config": {"layers": {}}}, LAYERS, "must be a list of at least one layer"),
    (sequential(entry()), LAYERS, "has an input but no layers"),
    (sequential(entry(), 3), LAYERS + "/1", "must be an object"),
    (sequential(entry(), bare(dense()), bare(dense())), LAYERS + "/2", 'the name "dense" is used twice'),
    (sequential(bare(dense())), LAYERS + "/0", "state an input shape"),
    (sequential(bare(layer("Dropout", "d", rate=0.5))), LAYERS + "/0", "state an input shape"),
    (sequential(bare(layer("Embedding", "e", input_dim=3, output_dim=2))), LAYERS + "/0", "state an input shape"),
    (
        sequential(bare(layer("InputLayer", "x")), bare(dense())),
        LAYERS + "/0/config/batch_shape",
        "must be a list of dim",
    ),
    (
        sequential(bare(layer("InputLayer", "x", shape="4")), bare(dense())),
        LAYERS + "/0/config/shape",
        "must be a list",
    ),
    (sequential(entry("x", -4), bare(dense())), LAYERS + "/0/config/batch_shape", "must be a list of dimensions"),
    (sequential(entry(), bare(dense(units=0))), LAYERS + "/1/config/units", "must be at least 1"),
    (sequential(entry(), bare(dense(trainable="no"))), LAYERS + "/1/config/trainable", "must be true or false"),
    (sequential(entry(), bare(dense(name=3))), LAYERS + "/1/config/name", "must be a string"),
    (sequential(entry(), bare(layer("Densee", "d"))), LAYERS + "/1/class_name", 'did you mean "Dense"?'),
    (functional(entry()) | {"config": {"layers": [entry()]}}, "/config/input_layers", "is required"),
    (functional(entry()) | {"config": {"layers": [entry()]}}, "/config/output_layers", "is required"),
    (functional(entry(), inputs=[3]), "/config/input_layers/0", "must be [name of a layer"),
    (functional(entry(), inputs=["x", 0]), "/config/input_layers", "must be [name of a layer"),
    (functional(entry(), inputs=[["x", -1, 0]]), "/config/input_layers/0", "must be [name of a layer"),
    (functional(entry(), outputs={"a": {"b": None}}), "/config/output_layers/a/b", "must be [name of a layer"),
    (functional(entry(), inputs={"a": []}), "/config/input_layers", "must name at least one layer"),
    (functional(entry(), outputs=[["y", 0, 0]]), "", 'no layer here is called "y"'),
    (functional(entry(), outputs=[["x", 1, 0]]), "", '"x" is not called 2 times'),
    (functional(entry(), outputs=[["x", 0, 1]]), "", '"x" has 1 outputs, not 2'),
    (functional(entry(), dense("d", OUTSIDE)), LAYERS + "/1", 'no layer here is called "nobody"'),
    (
        functional(entry(), dense("d", BROKEN)),
        LAYERS + "/1/inbound_nodes/0/args/0/config/keras_history",
        "must be [name",
    ),
    (
        functional(entry(), dense("d", {"class_name": "__keras_tensor__", "config": 3})),
        LAYERS + "/1/inbound_nodes/0/args/0/config",
        "must be an object",
    ),
    (
        functional(entry(), dense("d", tensor("x", shape=("4",)))),
        LAYERS + "/1/inbound_nodes/0/args/0/config/shape",
        "must be a list of dimensions",
    ),
    (functional(entry(), {**dense("d"), "inbound_nodes": 3}), LAYERS + "/1/inbound_nodes", "must be a list"),
    (functional(entry(), {**dense("d"), "inbound_nodes": [3]}), LAYERS + "/1/inbound_nodes/0", "must be an object or"),
    (functional(entry(), {**dense("d"), "inbound_nodes": [{"args": 3}]}), LAYERS + "/1/inbound_nodes/0", '"args"'),
    (functional(entry(), {**dense("d"), "inbound_nodes": [[3]]}), LAYERS + "/1/inbound_nodes/0/0", "must be [name"),
    (
        functional(entry(), {**dense("d"), "inbound_nodes": [[["x", 0, 0, 3]]]}),
        LAYERS + "/1/inbound_nodes/0/0/3",
        "object",
    ),
    (functional(entry(), {**dense("d", "x"), "name": 3}), LAYERS + "/1/name", "must be a string"),
    (functional(entry(), dense("d", "e"), dense("e", "d")), "", "the layers feed each other in a circle"),
    (
        functional(entry(), entry("y", 5), dense("d", "x", "y"), inputs=[["x", 0, 0], ["y", 0, 0]]),
        LAYERS + "/2",
        "weights of different shapes",
    ),
    (functional(entry(), dense("d", "x"), inputs=["x", 0, 1]), "/config/input_layers", '"x" is called once'),
    (functional(entry(), dense("d", "x"), inputs=["y", 0, 0]), "/config/input_layers", 'no layer here is called "y"'),
    (functional(entry(), entry("y"), dense("d", "y")), LAYERS + "/1", "is an input that input_layers does not name"),
    (
        functional(entry("x", 5), nest(INNER, "inner", "x"), outputs=[["inner", 1, 0]]),
        LAYERS + "/1" + LAYERS + "/0",
        "exp",
    ),
    (functional(entry("x", 5), nest(sequential(entry(), bare(dense())), "s", "x")), LAYERS + "/1", "expects"),
    (functional(entry(), dense("d", ([True],))), LAYERS + "/1", "takes one input, not a flag"),
    (functional(entry(), layer("Add", "add", ([tensor("x"), True],))), LAYERS + "/1", "no flag among them"),
    (
        functional(entry(), layer("MaxNumBoundingBoxes", "m", ({"boxes": tensor("x"), "labels": True},), max_number=2)),
        LAYERS + "/1",
        "no flag among them",
    ),
    (
        functional(
            entry(),
            layer("MaxNumBoundingBoxes", "m", ({"bounding_boxes": {"boxes": True}, "x": tensor("x")},), max_number=2),
        ),
        LAYERS + "/1",
        "no flag among them",
    ),
    (functional(entry(), layer("TimeDistributed", "t", "x", layer=3)), LAYERS + "/1/config/layer", "must be an object"),
    (
        functional(entry(), layer("TimeDistributed", "t", "x", layer={})),
        LAYERS + "/1/config/layer/class_name",
        "is required",
    ),
    (
        functional(entry(), layer("SpectralNormalization", "t", "x", layer=bare(dense(units=0)))),
        LAYERS + "/1/config/layer/config/units",
        "at least 1",
    ),
]


@pytest.mark.parametrize(("payload", "pointer", "detail"), REFUSED)
def test_refused(payload: Any, pointer: str, detail: str) -> None:
    with pytest.raises((Problems, ArchitectureError)) as refused:
        count_document(payload)
    reported = problems(refused.value)
    assert any(p.pointer == pointer and detail in p.detail for p in reported), reported


def test_all_problems_are_reported_at_once() -> None:
    payload = sequential(3, {"class_name": None, "config": {}}, bare(dense(name=3)), bare(dense(trainable=0)))
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert {p.pointer for p in refused.value.problems} == {
        "/config/layers/0",
        "/config/layers/1/class_name",
        "/config/layers/2/config/name",
        "/config/layers/3/config/trainable",
    }


def test_at_most_a_hundred_problems_are_reported() -> None:
    with pytest.raises(Problems) as refused:
        count_document(sequential(*[3] * 1000))
    assert len(refused.value.problems) == 100


def deep(levels: int, wrap: Any) -> Document:
    item = bare(dense(input_shape=[4]))
    for _ in range(levels):
        item = wrap(item)
    return item


@pytest.mark.parametrize(
    "wrap",
    [
        lambda item: sequential(bare(item)),
        lambda item: bare(layer("TimeDistributed", "t", layer=item)),
        lambda item: functional(entry(), {**item, "name": "i", "inbound_nodes": [node("x")]}, outputs=[["i", 1, 0]]),
    ],
)
def test_depth_is_bounded(wrap: Any) -> None:
    with pytest.raises(Problems) as refused:
        count_document(sequential(entry("x", *[4] * 60), deep(200, wrap)))
    assert {p.code for p in refused.value.problems} == {"too_large"}


def test_arguments_of_calls_are_bounded() -> None:
    arg: Any = tensor("x")
    for _ in range(500):
        arg = [arg]
    with pytest.raises(Problems, match="problems"):
        count_document(functional(entry(), dense("d", (arg,))))


def zip_files(**members: str | bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("_", "."), content)
    return made.getvalue()


MODEL = json.dumps(COUNTED["one layer"][0])


@pytest.mark.parametrize("raw", [zip_files(config_json=MODEL, model_weights_h5=b"\x89HDF"), MODEL.encode()])
def test_an_archive(raw: bytes) -> None:
    assert numbers(count_document(raw)) == (15, 0)


def test_an_archive_is_recognised() -> None:
    assert detect(zip_files(config_json=MODEL)).name == "keras"


def test_infinity_is_allowed_in_arguments_that_size_nothing() -> None:
    assert numbers(count_document(MODEL.replace('"units": 3', '"units": 3, "bias_constraint": Infinity').encode())) == (
        15,
        0,
    )


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "neither a .keras file nor JSON"),
        (b"\x89HDF\r\n", "neither a .keras file nor JSON"),
        (b"PK", "within the directory at the archive's end"),
        (zip_files(config_json=MODEL)[:-30], "within the directory at the archive's end"),
        (zip_files(data_pkl="x"), "without a config.json"),
        (zip_files(**{"../config_json": MODEL}), "without a config.json"),
        (zip_files(config_json="{"), "neither a .keras file nor JSON"),
        (zip_files(config_json="[" * 100_000), "neither a .keras file nor JSON"),
        (zip_files(config_json="9" * 10_000), "neither a .keras file nor JSON"),
        (zip_files(config_json="[]"), "must be an object"),
        (zip_files(config_json=b"\xff\xfe"), "neither a .keras file nor JSON"),
    ],
)
def test_files_that_hold_no_model(raw: bytes, detail: str) -> None:
    with pytest.raises((Problems, ArchitectureError)) as refused:
        count_document(raw)
    assert any(detail in problem.detail for problem in problems(refused.value))


def test_an_archive_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_CONFIG_BYTES", 1000)
    with pytest.raises(ArchitectureError, match="1,000 are the most"):
        count_document(zip_files(config_json=" " * 100_000))


@given(altered([case[0] for case in COUNTED.values()]))
def test_any_json_is_counted_or_refused(payload: Any) -> None:
    try:
        totals = count_document(payload).root.totals
    except (Problems, ArchitectureError) as refused:
        details = [problem.detail for problem in problems(refused)]
    except NotJSON as refused:
        details = [str(refused)]
    else:
        assert min(totals.trainable, totals.frozen, totals.buffers) >= 0
        return
    assert all(details)
