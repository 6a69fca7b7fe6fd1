"""keras: what a document means by the Keras that wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from paramcount.formats.detect import detect
from paramcount.formats.keras.raw import parse_document
from paramcount.formats.keras.writer import find_writer
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.report import Report
from paramcount.schema.registry import load_plugins
from tools.cases.keras_documents import Document, bare, count_document, dense, entry, numbers, problems, sequential

load_plugins()

SERIES = [None, 5, 8]
LSTM = 4 * (8 * 4 + 4 * 4 + 4)  # 208 of 4 units over 8 features
GRU = {"units": 4, "implementation": 1, "recurrent_dropout": 0.0}
TEXT = "the document of a string"


def old(kind: str, **config: Any) -> Document:
    """A layer as Keras wrote it before it named modules."""
    return {"class_name": kind, "config": {"name": kind.lower(), **config}}


def chain(version: str | None, *layers: Document, shape: Any = SERIES) -> Document:
    """A Sequential model of Keras 2 whose first layer states the input."""
    first, *others = layers
    first = {**first, "config": {**first["config"], "batch_input_shape": shape}}
    model = {"class_name": "Sequential", "config": {"name": "chain", "layers": [first, *others]}}
    return model if version is None else {**model, "keras_version": version, "backend": "tensorflow"}


def frozen(kind: str, inner: Document | None = None, inner_trains: bool = True, trainable: bool = False) -> Document:
    """A wrapper that is frozen."""
    inner = inner or old("LSTM", units=4)
    inner = {**inner, "config": {**inner["config"], "trainable": inner_trains}}
    return old(kind, trainable=trainable, **{"cell" if kind == "RNN" else "layer": inner})


def differing(version: str | None, mode: str | None = "concat", **config: Any) -> Document:
    """A Bidirectional of 4 units forwards and 6 backwards, and a Dense of 3."""
    forward = old("LSTM", units=4, return_sequences=True)
    backward = old("LSTM", units=6, return_sequences=True, go_backwards=True)
    both = old("Bidirectional", layer=forward, backward_layer=backward, merge_mode=mode, **config)
    return chain(version, both, old("Dense", units=3))


def keras_1(*layers: Document, shape: Any, version: str | None = "1.2.2") -> Document:
    first, *others = layers
    first = {**first, "config": {**first["config"], "batch_input_shape": shape, "input_dtype": "float32"}}
    model = {"class_name": "Sequential", "config": [first, *others]}
    return model if version is None else {**model, "keras_version": version}


def convolution(dim_ordering: str = "tf", **config: Any) -> Document:
    numbers = {"nb_filter": 8, "nb_row": 3, "nb_col": 3, "border_mode": "valid", "subsample": [1, 1], "bias": True}
    return old("Convolution2D", **numbers, dim_ordering=dim_ordering, init="glorot_uniform", **config)


def merge(mode: str, **config: Any) -> Document:
    """Two models of Keras 1 side by side, of 4 units each."""
    one, other = (keras_1(old("Dense", output_dim=4), shape=[None, width], version=None) for width in (6, 5))
    layers = old("Merge", layers=[one, other], mode=mode, mode_type="raw", **config)
    return {"class_name": "Sequential", "config": [layers, old("Dense", output_dim=3)], "keras_version": "1.2.2"}


MODEL = chain("2.4.0", old("Dense", units=5), shape=[None, 7])  # 7·5 + 5 = 40

# What trains, and what does not.
COUNTED: dict[str, tuple[Document, int, int]] = {
    # tf.keras passes the flag on, but for Bidirectional from 2.3 to 2.11, whose constructor resets it
    "a frozen Bidirectional of tf.keras": (chain("2.15.0", frozen("Bidirectional")), 0, 2 * LSTM),
    "one of TensorFlow 1": (chain("2.2.4-tf", frozen("Bidirectional")), 0, 2 * LSTM),
    "a frozen TimeDistributed": (chain("2.10.0", frozen("TimeDistributed", old("Dense", units=4))), 0, 36),
    "a frozen RNN": (chain("2.15.0", frozen("RNN", old("LSTMCell", units=4))), 0, LSTM),
    "one of Keras 2.1": (chain("2.1.2", frozen("RNN", old("LSTMCell", units=4))), 0, LSTM),
    "a frozen ConvLSTM2D": (
        chain(
            "2.15.0",
            old("ConvLSTM2D", trainable=False, filters=2, kernel_size=[3, 3], time_major=False),
            shape=[None, 3, 8, 8, 1],
        ),
        0,
        224,  # 3·3·1·8 + 3·3·2·8 + 8
    ),
    "frozen inside": (chain("2.15.0", frozen("TimeDistributed", old("Dense", units=4), False, True)), 0, 36),
    "frozen, and no version": (chain(None, frozen("Bidirectional")), 0, 2 * LSTM),
    # Keras of several backends: from 2.1.4 on, a wrapper's flag is that of its layer, whatever that says
    "a frozen wrapper of Keras 2.2.4": (chain("2.2.4", frozen("TimeDistributed", old("Dense", units=4))), 0, 36),
    "its layer is thawed": (chain("2.2.4", frozen("TimeDistributed", old("Dense", units=4), False, True)), 36, 0),
    "so is a Bidirectional's": (chain("2.3.1", frozen("Bidirectional", None, False, True)), 2 * LSTM, 0),
    # a nested model's flag is not read
    "a frozen model in a model": (
        chain(
            "2.15.0",
            {**chain(None, old("Dense", units=4), shape=[None, 8]), "build_config": {"input_shape": [None, 8]}},
            shape=[None, 8],
        ),
        36,
        0,
    ),
    # another backward layer: 4·(8·4 + 4·4 + 4) + 4·(8·6 + 6·6 + 6) + (4 + 6)·3 + 3
    "differing directions": (differing("2.15.0"), 208 + 360 + 33, 0),
    "differing directions, no version": (differing(None), 208 + 360 + 33, 0),
    # a GRU has one bias before Keras 2.1.5: 8·12 + 4·12 + 12
    "a GRU of Keras 2.1.2": (chain("2.1.2", old("GRU", **GRU)), 156, 0),
    "a GRU of Keras 2.2.4": (chain("2.2.4", old("GRU", **GRU)), 156, 0),
    "a GRU of TensorFlow 1.4": (chain("2.0.8-tf", old("GRU", **GRU)), 156, 0),
    "a GRU of TensorFlow.js": (chain("tfjs-layers 3.18.0", old("GRU", **GRU)), 156, 0),
    "a whole GRU, no version": (chain(None, old("GRU", **GRU)), 156, 0),
    "a GRU by hand": (chain(None, old("GRU", units=4)), 168, 0),
    "a GRU of tf.keras": (chain("2.4.0", old("GRU", units=4)), 168, 0),
    "a GRU that states it": (chain("2.1.6", old("GRU", reset_after=True, **GRU)), 168, 0),
    # envelopes
    "TensorFlow.js' converter": ({"format": "layers-model", "modelTopology": {"model_config": MODEL}}, 40, 0),
    "TensorFlow.js": ({"modelTopology": MODEL, "weightsManifest": []}, 40, 0),
    "attributes of an HDF5 file": ({"model_config": json.dumps(MODEL), "keras_version": "2.4.0"}, 40, 0),
    "the version outside": (
        {"model_config": chain(None, frozen("Bidirectional", None, False, True)), "keras_version": "2.2.4"},
        2 * LSTM,
        0,
    ),
    # Keras 1
    "Keras 1": (
        keras_1(
            convolution(),
            old("Flatten"),
            old("Dense", output_dim=4, input_dim=None, bias=True),
            shape=[None, 32, 32, 3],
        ),
        29028,  # 3·3·3·8 + 8 + 30·30·8·4 + 4
        0,
    ),
    "Keras 1 without its version": (
        keras_1(convolution("th"), old("Dense", output_dim=4), shape=[None, 3, 9, 5], version=None),
        224 + 16,  # 3·3·3·8 + 8, then 3·4 + 4 over the last axis
        0,
    ),
    "padding by the data format of the others": (
        keras_1(old("ZeroPadding2D", padding=[1, 1]), convolution("th"), shape=[None, 3, 9, 5]),
        224,
        0,
    ),
    "padding by edges": (
        keras_1(
            old("ZeroPadding2D", padding={"top_pad": 1, "left_pad": 2}),
            convolution(),
            old("Flatten"),
            old("Dense", output_dim=1),
            shape=[None, 9, 5, 3],
        ),
        224 + 8 * 5 * 8 + 1,
        0,
    ),
    "an LSTM of Keras 1": (
        keras_1(
            old("LSTM", output_dim=4, inner_init="orthogonal", forget_bias_init="one", consume_less="gpu"), shape=SERIES
        ),
        LSTM,
        0,
    ),
    "a GRU of Keras 1": (keras_1(old("GRU", output_dim=4), shape=SERIES), 156, 0),
    "a BatchNormalization of Keras 1": (
        keras_1(old("BatchNormalization", mode=2, axis=-1, momentum=0.99), shape=[None, 8]),
        16,
        16,
    ),
    "layers that Keras 2 dropped": (
        keras_1(
            *(
                old("TimeDistributedDense", output_dim=4),
                old("Flatten"),
                old("MaxoutDense", output_dim=3, nb_feature=2),
            ),
            old("Highway"),
            shape=SERIES,
        ),
        36 + (2 * 20 * 3 + 2 * 3) + 2 * (3 * 3 + 3),
        0,
    ),
    "models side by side": (merge("concat", concat_axis=-1), 28 + 24 + 8 * 3 + 3, 0),
    "models summed": (merge("sum"), 28 + 24 + 4 * 3 + 3, 0),
    "a scalar product": (merge("dot", dot_axes=-1), 28 + 24 + 3 + 3, 0),
    "two sequences in one, before 2.2.3": (
        {
            "class_name": "Sequential",
            "keras_version": "2.1.2",
            "config": [
                {"class_name": "Sequential", "config": [old("Dense", units=4, batch_input_shape=[None, 8])]},
                {"class_name": "Sequential", "config": [old("Dense", units=2, batch_input_shape=[None, 4])]},
            ],
        },
        36 + 10,
        0,
    ),
    # layers that Keras 3 dropped
    "CuDNNLSTM": (chain("2.2.4", old("CuDNNLSTM", units=4)), 4 * (8 * 4 + 4 * 4 + 8), 0),
    "CuDNNGRU both ways": (
        chain("2.2.4", old("Bidirectional", layer=old("CuDNNGRU", units=4))),
        2 * 3 * (8 * 4 + 4 * 4 + 8),
        0,
    ),
    "a synchronized normalization": (chain("2.4.0", old("SyncBatchNormalization", axis=[2])), 16, 16),
}


@pytest.mark.parametrize(("payload", "trainable", "others"), COUNTED.values(), ids=COUNTED)
def test_counted(payload: Document, trainable: int, others: int) -> None:
    report = count_document(payload)
    assert numbers(report) == (trainable, others)
    assert [warning.detail for warning in report.warnings if not warning.exact] == []


def inexact(report: Report) -> list[str]:
    return [warning.code for warning in report.warnings if not warning.exact]


@pytest.mark.parametrize(
    ("payload", "trainable", "others", "code"),
    [
        (  # Keras 3 passes no flag on, Keras 2 does: nothing here tells which
            {**frozen("Bidirectional"), "build_config": {"input_shape": SERIES}},
            2 * LSTM,
            0,
            "flag_not_inherited",
        ),
        (
            keras_1(
                old("UpSampling2D", size=[2, 2]), old("Flatten"), old("Dense", output_dim=1), shape=[None, 4, 4, 3]
            ),
            8 * 8 * 3 + 1,
            0,
            "data_format_unknown",
        ),
    ],
)
def test_undecided(payload: Document, trainable: int, others: int, code: str) -> None:
    report = count_document(payload)
    assert numbers(report) == (trainable, others)
    assert inexact(report) == [code]


@pytest.mark.parametrize(
    "payload",
    [
        chain("2.10.0", frozen("Bidirectional")),  # its constructor resets the flag
        chain("2.1.2", frozen("Bidirectional")),
        chain("tfjs-layers 1.2.2", frozen("Bidirectional")),
        {**chain(None, frozen("Bidirectional")), "keras_version": "3.1.0"},
        keras_1(frozen("Bidirectional", old("LSTM", output_dim=4)), shape=SERIES),
    ],
)
def test_warns_of_flags_that_a_version_forgets(payload: Document) -> None:
    report = count_document(payload)
    assert numbers(report) == (2 * LSTM, 0)
    assert [warning.code for warning in report.warnings] == ["flag_not_inherited"]


def test_keras_3_takes_both_directions_for_as_wide_as_the_first() -> None:
    report = count_document({**differing(None), "keras_version": "3.0.0"})
    assert numbers(report) == (208 + 360 + 8 * 3 + 3, 0)


GENERATIONS: list[tuple[Document, int]] = [
    (sequential(entry(), bare(dense())), 3),
    ({"class_name": "Dense", "config": {"units": 3, "dtype": {"class_name": "DTypePolicy"}}}, 3),
    (chain(None, old("Dense", units=3)), 2),
    ({"class_name": "LSTM", "config": {"units": 3, "time_major": False}}, 2),
    (keras_1(old("Dense", units=3), shape=[None, 3], version=None), 1),
    ({"class_name": "Dense", "config": {"output_dim": 3, "W_regularizer": None}}, 1),
    ({"class_name": "Dense", "config": {"units": 3}}, 0),
    ({"class_name": "Dense", "config": {"units": 3, "name": 'a "batch_input_shape": b'}}, 0),  # no member, but text
    ({"class_name": "Dense", "config": {"units": 3}, "keras_version": 2}, 0),
    ({"class_name": "Dense", "config": {"units": 3}, "keras_version": "unknown"}, 0),
    ({"class_name": "Dense", "config": {"units": 3}, "keras_version": "0.3.3"}, 1),
    ({"class_name": "Dense", "config": {"units": 3}, "keras_version": "2.2.4-tf"}, 2),
    ({"class_name": "Dense", "config": {"units": 3}, "keras_version": "3.0"}, 3),
]


@pytest.mark.parametrize(("payload", "generation"), GENERATIONS)
def test_writer(payload: Document, generation: int) -> None:
    document = parse_document(json.dumps(payload).encode())
    assert document is not None
    assert find_writer(document).generation == generation


@pytest.mark.parametrize(
    ("payload", "pointer", "detail"),
    [
        ({"modelTopology": {"node": [], "library": {}}}, "/modelTopology", "is a graph of operations"),
        ({"modelTopology": 3}, "/modelTopology", "must be an object, not 3"),
        ({"model_config": "3"}, "/model_config", "must be an object, not 3"),
        ({"model_config": {"class_name": "Dense"}}, "/model_config/config", "is required"),
        (
            {"modelTopology": {"model_config": chain("2.4.0", old("Dense"))}},
            "/modelTopology/model_config/config/layers/0/config/units",
            "is required",
        ),
        ({"model_config": {"model_config": {"model_config": {"model_config": {}}}}}, "", "is required"),
        (keras_1(old("Dense"), shape=[None, 3]), "/config/0/config/units", "is required"),
        (
            {"class_name": "Sequential", "config": [old("Merge", mode="sum"), old("Dense", units=3)]},
            "/config/0/config/layers",
            "must be a list of at least one layer",
        ),
        (merge("cosh"), "/config/0/class_name", '"Merge" is an unknown layer type'),
        (
            {"class_name": "Sequential", "config": [{"class_name": "Merge"}, old("Dense", units=3)]},
            "/config/0/config",
            "is required",
        ),
        (chain("2.2.4", old("LocallyConnected1D", filters=3)), "/config/layers/0/config/kernel_size", "is required"),
    ],
)
def test_refused(payload: Document, pointer: str, detail: str) -> None:
    with pytest.raises((Problems, ArchitectureError)) as raised:
        count_document(payload)
    refusals = [(problem.pointer, problem.detail) for problem in problems(raised.value)]
    assert any(where.startswith(pointer) and detail in what for where, what in refusals), refusals


def test_a_text_in_an_envelope_that_is_no_json() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        parse_document(json.dumps({"model_config": TEXT}).encode())


@pytest.mark.parametrize(
    "payload", [{"modelTopology": MODEL}, {"model_config": MODEL}, {"model_config": json.dumps(MODEL)}]
)
def test_envelopes_are_recognised(payload: Document) -> None:
    assert detect(payload).name == "keras"


def test_a_config_of_another_library_is_no_envelope() -> None:
    assert (
        detect({"model_type": "gpt2", "architectures": ["GPT2Model"], "model_config": {"a": 1}}).name == "huggingface"
    )
