"""Compares the count of small models of tf.keras 2.15, as it writes them to JSON and rebuilds them, with Keras' own.

    make oracle-keras-2

Every layer of Keras 2 is plain, frozen, and in a TimeDistributed; some are in nested models, frozen or thawed.
Recurrent layers are in a Bidirectional, and cells in an RNN.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import tensorflow as tf
from tensorflow.keras import Input, Model, Sequential, layers

from paramcount.counting.count import count
from paramcount.formats.detect import read
from paramcount.model.errors import Problems
from paramcount.schema.registry import FORMATS, load_plugins

VECTOR, SERIES, IMAGE, VOLUME = (12,), (7, 3), (9, 8, 4), (5, 6, 4, 2)
RECURRENT: tuple[dict[str, Any], ...] = (
    {"units": 4},
    {"units": 4, "return_sequences": True, "use_bias": False},
    {"units": 4, "go_backwards": True},
)
ONCE: tuple[dict[str, Any], ...] = ({},)

# The class of a layer, the shape of its input without the batch axis, the arguments of its constructor.
LAYERS: tuple[tuple[str, tuple[int, ...], tuple[dict[str, Any], ...]], ...] = (
    ("Dense", VECTOR, ({"units": 3}, {"units": 2, "use_bias": False})),
    ("Conv1D", SERIES, ({"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2},)),
    (
        "Conv2D",
        IMAGE,
        ({"filters": 4, "kernel_size": (3, 2), "strides": 2}, {"filters": 4, "kernel_size": 3, "groups": 2}),
    ),
    ("Conv3D", VOLUME, ({"filters": 4, "kernel_size": 2},)),
    ("Conv1DTranspose", SERIES, ({"filters": 4, "kernel_size": 3, "strides": 2},)),
    ("Conv2DTranspose", IMAGE, ({"filters": 4, "kernel_size": 3, "strides": 2, "output_padding": 1},)),
    ("Conv3DTranspose", VOLUME, ({"filters": 4, "kernel_size": 2, "strides": 2},)),
    ("SeparableConv1D", SERIES, ({"filters": 4, "kernel_size": 2, "depth_multiplier": 2},)),
    ("SeparableConv2D", IMAGE, ({"filters": 3, "kernel_size": 3, "use_bias": False, "padding": "same"},)),
    ("DepthwiseConv1D", SERIES, ({"kernel_size": 3, "depth_multiplier": 2},)),
    ("DepthwiseConv2D", IMAGE, ({"kernel_size": 3, "strides": 2, "padding": "same"},)),
    (
        "LocallyConnected1D",
        SERIES,
        tuple(
            {"filters": 4, "kernel_size": size, "implementation": number, "padding": padding}
            for size, number, padding in ((2, 1, "valid"), (3, 2, "same"), (3, 3, "valid"), (4, 3, "same"))
        ),
    ),
    (
        "LocallyConnected2D",
        IMAGE,
        (
            {"filters": 3, "kernel_size": (3, 2), "strides": (2, 1)},
            {"filters": 3, "kernel_size": 2, "data_format": "channels_first", "implementation": 2},
            {"filters": 3, "kernel_size": (3, 2), "implementation": 3, "padding": "same", "strides": 2},
        ),
    ),
    ("Embedding", (6,), ({"input_dim": 10, "output_dim": 4, "input_length": 6},)),
    ("BatchNormalization", VECTOR, ({}, {"center": False, "scale": False})),
    ("BatchNormalization", IMAGE, ({"axis": 1}, {"renorm": True}, {"fused": True})),
    ("experimental.SyncBatchNormalization", IMAGE, ONCE),
    ("LayerNormalization", SERIES, ({}, {"axis": [1, 2]})),
    ("GroupNormalization", IMAGE, ({"groups": 2},)),
    ("UnitNormalization", SERIES, ONCE),
    ("Normalization", VECTOR, ({}, {"axis": None}, {"mean": 1.0, "variance": 2.0})),
    ("SimpleRNN", SERIES, RECURRENT),
    ("LSTM", SERIES, RECURRENT),
    ("GRU", SERIES, (*RECURRENT, {"units": 4, "reset_after": False})),
    ("ConvLSTM1D", (5, 8, 3), ({"filters": 4, "kernel_size": 2},)),
    ("ConvLSTM2D", VOLUME, ({"filters": 4, "kernel_size": 3, "padding": "same", "return_sequences": True},)),
    ("ConvLSTM3D", (3, *VOLUME), ({"filters": 2, "kernel_size": 2},)),
    *((name, VECTOR, ONCE) for name in ("ReLU", "LeakyReLU", "ELU", "ThresholdedReLU", "Identity", "AlphaDropout")),
    ("PReLU", IMAGE, ({}, {"shared_axes": [1, 2]})),
    ("Flatten", IMAGE, ({"data_format": "channels_first"},)),
    *((f"{kind}Pooling2D", IMAGE, ONCE) for kind in ("Max", "Average", "GlobalMax", "GlobalAverage")),
    *((name, IMAGE, ONCE) for name in ("UpSampling2D", "ZeroPadding2D", "Cropping2D")),
    *((name, IMAGE, ({"factor": 0.1},)) for name in ("RandomHeight", "RandomWidth", "RandomRotation")),
    *((name, IMAGE, ({"height": 4, "width": 3},)) for name in ("Resizing", "CenterCrop", "RandomCrop")),
    ("EinsumDense", SERIES, ({"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y"},)),
)
DIFFERING = ((("LSTM", 4), ("LSTM", 6)), (("LSTM", 4), ("GRU", 4)), (("GRU", 3), ("SimpleRNN", 5)))
COMPOSED = ("Dense", "Conv2D", "BatchNormalization", "Embedding", "LSTM", "GRU", "LocallyConnected1D")
"""Layers that stand for all others in nested models."""


class Sample(NamedTuple):
    """A model, made at need."""

    name: str
    make: Callable[[], Any]


def chain(shape: tuple[int, ...], *steps: Any) -> Any:
    """A model of layers one after the other."""
    entry = output = Input(shape)
    for step in steps:
        output = step(output)
    return Model(entry, output)


def freeze(model: Any, layer: Any = None, thawed: Any = None) -> Any:
    """The model with a layer frozen, or itself; `thawed` trains again."""
    (layer or model).trainable = False
    if thawed is not None:
        thawed.trainable = True
    return model


def class_of(name: str) -> Any:
    where: Any = layers
    for part in name.split("."):
        where = getattr(where, part)
    return where


def wrap(make: Callable[..., Any], shape: tuple[int, ...]) -> Iterator[Sample]:
    """The ways to have one layer in a model."""
    steps = (5, *shape)
    yield Sample("plain", lambda: chain(shape, make()))
    yield Sample("frozen", lambda: chain(shape, make(trainable=False)))
    yield Sample("distributed, frozen", lambda: chain(steps, layers.TimeDistributed(make(), trainable=False)))


def compose(make: Callable[..., Any], shape: tuple[int, ...]) -> Iterator[Sample]:
    """More ways to have one layer in a model."""
    steps = (5, *shape)
    yield Sample("in a Sequential", lambda: Sequential([make(input_shape=shape), layers.Activation("relu")]))
    yield Sample("distributed", lambda: chain(steps, layers.TimeDistributed(make())))
    yield Sample("distributed, frozen inside", lambda: chain(steps, layers.TimeDistributed(make(trainable=False))))
    yield Sample("nested", lambda: chain(shape, chain(shape, make())))
    yield Sample("nested, frozen", lambda: chain(shape, freeze(chain(shape, make()))))
    yield Sample("frozen root", lambda: freeze(chain(shape, make())))
    yield Sample(
        "distributed model, frozen", lambda: chain(steps, layers.TimeDistributed(chain(shape, make()), trainable=False))
    )
    yield Sample("nested, frozen, thawed inside", partial(nest_thawed, chain, make, shape))
    yield Sample("nested Sequential, frozen, thawed inside", partial(nest_thawed, line_up, make, shape))


def line_up(shape: tuple[int, ...], layer: Any) -> Any:
    return Sequential([Input(shape), layer])


def nest_thawed(wrapper: Callable[..., Any], make: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    layer = make()
    return chain(shape, freeze(wrapper(shape, layer), thawed=layer))


def wrap_recurrent(make: Callable[..., Any], shape: tuple[int, ...]) -> Iterator[Sample]:
    """The ways to have a recurrent layer in a Bidirectional."""

    def both(later: bool = False, **config: Any) -> Any:
        layer = layers.Bidirectional(make(), **config)
        model = chain(shape, layer)
        return freeze(model, layer) if later else model

    for mode in ("concat", "sum", None):
        yield Sample(f"both ways, {mode}", partial(both, merge_mode=mode))
    yield Sample("both ways, frozen", partial(both, trainable=False))
    yield Sample("both ways, frozen later", partial(both, later=True))
    yield Sample("both ways, frozen inside", lambda: chain(shape, layers.Bidirectional(make(trainable=False))))


def differing_pairs() -> Iterator[Sample]:
    """Bidirectional layers whose backward layer is another one than the forward layer."""

    def make(forward: tuple[str, int], backward: tuple[str, int], mode: str | None, trainable: bool) -> Any:
        one = class_of(forward[0])(forward[1], return_sequences=True)
        other = class_of(backward[0])(backward[1], return_sequences=True, go_backwards=True)
        both = layers.Bidirectional(one, backward_layer=other, merge_mode=mode, trainable=trainable)
        return chain(SERIES, both, *([layers.Dense(3)] if mode else []))

    for forward, backward in DIFFERING:
        for mode, trainable in product(("concat", None), (True, False)):
            name = f"{forward} and {backward}, {mode}, trainable={trainable}"
            yield Sample(name, partial(make, forward, backward, mode, trainable))


def cells() -> Iterator[Sample]:
    """Cells in an RNN."""

    def make(cell: Any, wrapper: Callable[..., Any] | None, cell_trains: bool, trainable: bool) -> Any:
        inner = [cell(4, trainable=cell_trains), cell(3)]
        if wrapper is None:
            return chain(SERIES, layers.RNN(inner, trainable=trainable))
        return chain(SERIES, wrapper(layers.RNN(inner), trainable=trainable))

    for name in ("LSTMCell", "GRUCell", "SimpleRNNCell"):
        for wrapper, cell_trains, trainable in product((None, layers.Bidirectional), (True, False), (True, False)):
            what = f"{name}, trainable={cell_trains}, in {wrapper}, trainable={trainable}"
            yield Sample(what, partial(make, class_of(name), wrapper, cell_trains, trainable))


def attentions() -> Iterator[Sample]:
    """Attention over two inputs."""

    def make(kind: str, config: dict[str, Any]) -> Any:
        query, value = Input((7, 4)), Input((5, 6 if kind == "MultiHeadAttention" else 4))
        layer = class_of(kind)(**config)
        return Model([query, value], layer(query, value) if kind == "MultiHeadAttention" else layer([query, value]))

    kinds: tuple[tuple[str, tuple[dict[str, Any], ...]], ...] = (
        ("MultiHeadAttention", ({"num_heads": 2, "key_dim": 3}, {"num_heads": 2, "key_dim": 3, "output_shape": 7})),
        ("Attention", ({}, {"use_scale": True}, {"score_mode": "concat"})),
        ("AdditiveAttention", ({}, {"use_scale": False})),
    )
    for kind, configs in kinds:
        for config, trainable in product(configs, (True, False)):
            settings = {**config, "trainable": trainable}
            yield Sample(f"{kind} {settings}", partial(make, kind, settings))


def features() -> Iterator[Sample]:
    """DenseFeatures of each kind of column."""
    column = tf.feature_column

    def make(trainable: bool) -> Any:
        number = column.numeric_column("number", (3,))
        buckets = column.bucketized_column(column.numeric_column("length"), [0.0, 1.0, 2.0])
        word = column.categorical_column_with_vocabulary_list("word", ["a", "b", "c"], num_oov_buckets=2)
        hashed = column.categorical_column_with_hash_bucket("hashed", 11)
        identity = column.categorical_column_with_identity("identity", 7)
        columns = [
            *(number, buckets, column.indicator_column(word), column.embedding_column(hashed, 5)),
            *(column.embedding_column(identity, 2, trainable=False), column.embedding_column(buckets, 3)),
            column.indicator_column(column.crossed_column([word, buckets], 13)),
        ]
        entries = {
            "number": Input((3,), name="number"),
            "length": Input((1,), name="length"),
            "word": Input((1,), name="word", dtype="string"),
            "hashed": Input((1,), name="hashed", dtype="string"),
            "identity": Input((1,), name="identity", dtype="int64"),
        }
        return Model(entries, layers.Dense(2)(layers.DenseFeatures(columns, trainable=trainable)(entries)))

    for trainable in (True, False):
        yield Sample(f"DenseFeatures, trainable={trainable}", partial(make, trainable))


def samples() -> Iterator[Sample]:
    """All samples."""
    for name, shape, configs in LAYERS:
        for index, config in enumerate(configs):
            is_flipped = config.get("data_format") == "channels_first" and name != "Flatten"
            entry = shape[::-1] if is_flipped else shape
            make = partial(class_of(name), **config)
            ways = [*wrap(make, entry), *(compose(make, entry) if name in COMPOSED and not index else ())]
            ways += wrap_recurrent(make, entry) if name in ("LSTM", "GRU", "SimpleRNN", "ConvLSTM2D") else ()
            for sample in ways:
                yield Sample(f"{name} {config}, {sample.name}", sample.make)
    for family in (differing_pairs, cells, attentions, features):
        yield from family()


def size(weights: Any) -> int:
    return sum(int(tf.size(weight)) for weight in {id(weight): weight for weight in weights}.values())


def compare(document: str, model: Any) -> str:
    """Return how our count of a document differs from that of the model that Keras rebuilds, or ''."""
    try:
        report = count(read(json.loads(document), FORMATS["keras"]))
    except Problems as refused:
        return f"refused: {refused.problems[0].pointer} {refused.problems[0].detail}"
    totals = report.root.totals
    counted = totals.trainable, totals.frozen + totals.buffers
    real = size(model.trainable_weights), size(model.non_trainable_weights)
    if counted != real:
        return f"{counted}, not {real}"
    if not report.exact:
        return f"right, but not exact: {report.warnings[0].detail}"
    shapes = {row.name: row.output for row in report.root.children}
    for layer in model.layers:
        output = shapes.get(layer.name)
        if isinstance(output, tuple) and isinstance(layer.output_shape, tuple) and output != layer.output_shape:
            return f"{layer.name} returns {output}, not {layer.output_shape}"
    return ""


def main() -> int:
    load_plugins()
    passed, skipped = 0, 0
    failures: list[str] = []
    for sample in samples():
        tf.keras.backend.clear_session()
        try:
            document = sample.make().to_json()
            model = tf.keras.models.model_from_json(document)
        except Exception:  # noqa: BLE001  Keras takes no such model
            skipped += 1
            continue
        wrong = compare(document, model)
        if wrong:
            failures.append(f"{sample.name}: {wrong}")
        passed += not wrong
    for failure in failures:
        print(failure)
    print(f"{passed} passed, {len(failures)} failed, {skipped} that Keras does not take")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
