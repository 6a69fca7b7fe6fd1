"""keras: what Keras counts of a document, what the report must say of it, and what no document may be."""

from __future__ import annotations

import json
from contextlib import suppress
from io import BytesIO
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.counting import Options, count
from service.errors import ArchitectureError, Problems
from service.formats.keras import archive
from service.model import Report, Row
from service.reading import recognise
from service.registry import FORMATS
from tests.formats.keras_documents import (
    COUNTED,
    INNER,
    OPTIMIZER,
    Document,
    bare,
    called,
    dense,
    entry,
    functional,
    layer,
    node,
    sequential,
    tensor,
)


def report(payload: Any, **options: Any) -> Report:
    return count(FORMATS["keras"].read(payload), Options(**options))


def problems(error: BaseException) -> list[ArchitectureError]:
    """What is told, of one problem or of several."""
    if isinstance(error, Problems):
        return list(error.problems)
    assert isinstance(error, ArchitectureError)
    return [error]


def numbers(found: Report) -> tuple[int, int]:
    totals = found.root.totals
    return totals.trainable, totals.frozen + totals.buffers


def rows(found: Report) -> dict[str, Row]:
    return {row.path: row for row in found.root.children}


def codes(found: Report) -> set[str]:
    return {notice.code for notice in found.notices}


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
                *(entry(), called(INNER, "inner"), dense("d")),
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
    assert [(n.code, n.path) for n in found.notices if not n.seen] == [("code_not_read", "outside")]


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
    (notice,) = found.notices
    assert notice.code == "optimizer"
    assert said in notice.detail


def test_a_flag_that_does_not_reach_inside_is_told() -> None:
    found = report(COUNTED["a frozen attention"][0])
    assert [(n.code, n.path, n.seen) for n in found.notices] == [("flag_not_inherited", "mha", True)]


CUSTOM = {**dense("mine", "x"), "module": "my_code", "registered_name": "my_code>Dense"}
UNKNOWN = {**dense("mine", "x"), "class_name": "MyLayer", "module": None, "registered_name": "my_code>MyLayer"}


def test_a_class_of_ones_own_is_never_its_namesake() -> None:
    with pytest.raises(Problems) as refused:
        report(functional(entry(), CUSTOM))
    (problem,) = refused.value.problems
    assert (problem.pointer, problem.code) == ("/config/layers/1/class_name", "unknown_layer")
    assert "my_code.Dense" in problem.detail


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
    assert [(n.code, n.path, n.seen) for n in found.notices] == [("unused_layer", "aside", True)]


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
    ({"class_name": "Sequential", "config": None}, LAYERS, "must be a list of at least one layer, not null"),
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
        functional(entry("x", 5), called(INNER, "inner", "x"), outputs=[["inner", 1, 0]]),
        LAYERS + "/1" + LAYERS + "/0",
        "exp",
    ),
    (functional(entry("x", 5), called(sequential(entry(), bare(dense())), "s", "x")), LAYERS + "/1", "expects"),
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
        report(payload)
    told = problems(refused.value)
    assert any(p.pointer == pointer and detail in p.detail for p in told), [(p.pointer, p.detail) for p in told]


def test_all_problems_are_told_at_once() -> None:
    payload = sequential(3, {"class_name": None, "config": {}}, bare(dense(name=3)), bare(dense(trainable=0)))
    with pytest.raises(Problems) as refused:
        report(payload)
    assert {p.pointer for p in refused.value.problems} == {
        "/config/layers/0",
        "/config/layers/1/class_name",
        "/config/layers/2/config/name",
        "/config/layers/3/config/trainable",
    }


def test_at_most_a_hundred_problems_are_told() -> None:
    with pytest.raises(Problems) as refused:
        report(sequential(*[3] * 1000))
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
        report(sequential(entry("x", *[4] * 60), deep(200, wrap)))
    assert {p.code for p in refused.value.problems} == {"too_large"}


def test_arguments_of_calls_are_bounded() -> None:
    arg: Any = tensor("x")
    for _ in range(500):
        arg = [arg]
    with pytest.raises(Problems, match="problems"):
        report(functional(entry(), dense("d", (arg,))))


def zipped(**members: str | bytes) -> bytes:
    made = BytesIO()
    with ZipFile(made, "w", ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name.replace("_", "."), content)
    return made.getvalue()


MODEL = json.dumps(COUNTED["one layer"][0])


@pytest.mark.parametrize("raw", [zipped(config_json=MODEL, model_weights_h5=b"\x89HDF"), MODEL.encode()])
def test_an_archive(raw: bytes) -> None:
    assert numbers(report(raw)) == (15, 0)


def test_an_archive_is_recognised() -> None:
    assert recognise(zipped(config_json=MODEL)).name == "keras"


def test_infinity_stands_in_arguments_that_change_nothing() -> None:
    assert numbers(report(MODEL.replace('"units": 3', '"units": 3, "bias_constraint": Infinity').encode())) == (15, 0)


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "neither a .keras file nor JSON"),
        (b"\x89HDF\r\n", "neither a .keras file nor JSON"),
        (b"PK", "no zip archive"),
        (zipped(config_json=MODEL)[:-30], "no zip archive"),
        (zipped(data_pkl="x"), "without a config.json"),
        (zipped(**{"../config_json": MODEL}), "without a config.json"),
        (zipped(config_json="{"), "neither a .keras file nor JSON"),
        (zipped(config_json="[" * 100_000), "neither a .keras file nor JSON"),
        (zipped(config_json="9" * 10_000), "neither a .keras file nor JSON"),
        (zipped(config_json="[]"), "must be an object"),
        (zipped(config_json=b"\xff\xfe"), "neither a .keras file nor JSON"),
    ],
)
def test_files_that_hold_no_model(raw: bytes, detail: str) -> None:
    with pytest.raises((Problems, ArchitectureError)) as refused:
        report(raw)
    told = problems(refused.value)
    assert any(detail in problem.detail for problem in told)


def test_an_archive_that_unpacks_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_BYTES", 1000)
    with pytest.raises(ArchitectureError, match="more than 1,000 bytes"):
        report(zipped(config_json=" " * 100_000))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just("Dense"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["class_name", "config", "a"]), inner),
    max_leaves=8,
)


def places(item: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


@given(st.data())
def test_any_json_is_counted_or_refused(data: st.DataObject) -> None:
    payload = json.loads(json.dumps(data.draw(st.sampled_from([found[0] for found in COUNTED.values()]))))
    *way, last = data.draw(st.sampled_from(places(payload)[1:]))
    spot = payload
    for step in way:
        spot = spot[step]
    spot[last] = data.draw(JSON)
    with suppress(Problems, ArchitectureError):
        report(payload)
