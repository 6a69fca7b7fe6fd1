"""Keras models as documents, as Keras writes them but for what says nothing, and what Keras counts of them."""

from __future__ import annotations

import json
from typing import Any

from paramcount.counting.count import Options, count
from paramcount.model.document import Document as Read
from paramcount.model.errors import ArchitectureError, Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS

Document = dict[str, Any]


def read_keras(payload: Any) -> Read:
    """Return what the reader makes of it, without the schema's explanations."""
    keras = FORMATS["keras"]
    assert keras.parse is not None
    return keras.read(payload) if isinstance(payload, bytes) else keras.parse(json.dumps(payload).encode())


def layer(kind: str, name: Any, *fed_by: Any, **config: Any) -> Document:
    """A layer of keras.layers; each of `fed_by` is a call: a name, a tensor, a list of those, or None for none."""
    item = {"module": "keras.layers", "class_name": kind, "config": {"name": name, **config}, "name": name}
    return {**item, "registered_name": None, "inbound_nodes": [node(one) for one in fed_by]}


def node(fed_by: Any, **kwargs: Any) -> Document:
    args = [fed_by] if not isinstance(fed_by, tuple) else list(fed_by)
    return {"args": [tensor(arg) if isinstance(arg, str) else arg for arg in args], "kwargs": kwargs}


def tensor(name: str, call: int = 0, output: int = 0, shape: Any = (None, 4)) -> Document:
    history = [name, call, output]
    return {
        "class_name": "__keras_tensor__",
        "config": {"shape": list(shape), "dtype": "float32", "keras_history": history},
    }


def entry(name: str = "x", *shape: int | None) -> Document:
    return layer("InputLayer", name, batch_shape=[None, *(shape or (4,))])


def functional(*layers: Document, inputs: Any = None, outputs: Any = None, **config: Any) -> Document:
    first, last = layers[0]["name"], layers[-1]["name"]
    ends = {"input_layers": inputs or [first, 0, 0], "output_layers": outputs or [last, 0, 0]}
    whole = {"name": "model", "trainable": True, "layers": list(layers), **ends, **config}
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": whole,
        "registered_name": "Functional",
    }


def sequential(*layers: Any, name: str = "chain", **config: Any) -> Document:
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": name, "layers": list(layers), **config},
        "registered_name": None,
    }


def nest(model: Document, name: str, *fed_by: Any) -> Document:
    """A model as a layer of another."""
    config = {**model["config"], "name": name}
    return {**model, "config": config, "name": name, "inbound_nodes": [node(one) for one in fed_by]}


def dense(name: Any = "dense", *fed_by: Any, units: int = 3, **config: Any) -> Document:
    return layer("Dense", name, *fed_by, units=units, **config)


def bare(item: Document) -> Document:
    """A layer as it stands in a Sequential, without nodes."""
    return {key: value for key, value in item.items() if key not in ("inbound_nodes", "name")}


INNER = functional(entry("a"), dense("b", "a", units=4), name="inner")  # 4·4 + 4 = 20
FROZEN_INNER = functional(entry("a"), dense("b", "a", units=4), name="inner", trainable=False)
OPTIMIZER = {
    "module": "keras.optimizers",
    "class_name": "Adam",
    "config": {"name": "adam", "learning_rate": 0.001},
    "registered_name": None,
}

# What Keras counts: trainable, and non-trainable with all that never trains.
COUNTED: dict[str, tuple[Document, int, int]] = {
    # 4·3 + 3
    "one layer": (functional(entry(), dense("d", "x")), 15, 0),
    "one layer after the other": (sequential(entry(), bare(dense())), 15, 0),
    "a layer called twice is counted once": (
        functional(
            entry(),
            entry("y"),
            dense("d", "x", "y"),
            layer("Add", "add", ([tensor("d"), tensor("d", 1)],)),
            inputs=[["x", 0, 0], ["y", 0, 0]],
        ),
        15,
        0,
    ),
    "a model called twice is counted once": (
        functional(entry(), nest(INNER, "inner", "x", tensor("inner")), outputs=[["inner", 2, 0]]),
        20,
        0,
    ),
    "a model after itself, in a sequence": (sequential(entry(), nest(INNER, "inner"), bare(dense())), 35, 0),
    "a sequence inside a model": (
        functional(entry(), nest(sequential(entry(), bare(dense())), "chain", "x"), dense("d", "chain", units=2)),
        23,
        0,
    ),
    "layers written after those that they feed": (
        functional(entry(), dense("last", "first", units=2), dense("first", "x"), outputs=[["last", 0, 0]]),
        23,
        0,
    ),
    "several inputs and outputs by name": (
        functional(
            entry("x"),
            entry("y", 2),
            dense("one", "x"),
            dense("two", "y"),
            inputs={"left": ["x", 0, 0], "right": ["y", 0, 0]},
            outputs={"a": ["one", 0, 0], "b": ["two", 0, 0]},
        ),
        24,
        0,
    ),
    "a dict of inputs, by the names of a model's inputs": (
        functional(
            entry("p", 4),
            entry("q", 2),
            nest(
                functional(
                    entry("z", 2),
                    entry("a", 4),
                    dense("one", "z"),
                    dense("two", "a"),
                    inputs=[["z", 0, 0], ["a", 0, 0]],
                    outputs=[["one", 0, 0], ["two", 0, 0]],
                ),
                "inner",
                ({"a": tensor("p"), "z": tensor("q", shape=(None, 2))},),
            ),
            inputs=[["p", 0, 0], ["q", 0, 0]],
            outputs=[["inner", 1, 0], ["inner", 1, 1]],
        ),
        24,
        0,
    ),
    "a layer that feeds nothing": (functional(entry(), dense("aside", "x"), dense("d", "x")), 15, 0),
    "an operation between layers": (
        functional(
            entry(),
            {
                "module": "keras.src.ops.numpy",
                "class_name": "Add",
                "config": {"name": "add"},
                "registered_name": "Add",
                "name": "add",
                "inbound_nodes": [node(("x", 1.0))],
            },
            dense("d", "add"),
        ),
        15,
        0,
    ),
    "a frozen layer": (functional(entry(), dense("d", "x", trainable=False)), 0, 15),
    "a frozen model": (functional(entry(), dense("d", "x"), trainable=False), 0, 15),
    "a frozen model whose layers were thawed inside another": (
        functional(entry(), nest(FROZEN_INNER, "inner", "x"), outputs=[["inner", 1, 0]]),
        20,
        0,
    ),
    "moving statistics never train": (functional(entry(), layer("BatchNormalization", "bn", "x")), 8, 8),
    "a frozen normalisation": (functional(entry(), layer("BatchNormalization", "bn", "x", trainable=False)), 0, 16),
    # 4·3 + 3 in the wrapped layer: the flag of the wrapper does not reach it
    "a frozen wrapper": (
        functional(
            entry("x", 5, 4),
            layer("TimeDistributed", "td", "x", layer=bare(dense()), trainable=False),
        ),
        15,
        0,
    ),
    "a frozen layer in a wrapper": (
        functional(entry("x", 5, 4), layer("TimeDistributed", "td", "x", layer=bare(dense(trainable=False)))),
        0,
        15,
    ),
    # 4(4·2 + 2² + 2): a frozen LSTM freezes its cell
    "a frozen LSTM": (functional(entry("x", 5, 4), layer("LSTM", "lstm", "x", units=2, trainable=False)), 0, 56),
    # query, key, value: 4·2·3 + 2·3 each; back: 2·3·4 + 4
    "a frozen attention": (
        functional(
            entry("x", 5, 4),
            layer(
                "MultiHeadAttention",
                "mha",
                (tensor("x", shape=(None, 5, 4)),) * 2,
                num_heads=2,
                key_dim=3,
                trainable=False,
            ),
        ),
        118,
        0,
    ),
    "no seed of a dropout": (functional(entry(), layer("Dropout", "drop", "x", rate=0.5), dense("d", "drop")), 15, 0),
    "constants of a normalisation": (functional(entry(), layer("Normalization", "n", "x"), dense("d", "n")), 15, 9),
    "two tables of one embedding's way back": (
        functional(
            entry("x", 7),
            {
                **layer("ReversibleEmbedding", "e", input_dim=5, output_dim=2),
                "inbound_nodes": [node("x"), node(tensor("e", shape=(None, 7, 2)), reverse=True)],
            },
            outputs=[["e", 1, 0]],
        ),
        10,
        0,
    ),
    "the input shape of a model that was built later": (sequential(bare(dense()), build_input_shape=[None, 4]), 15, 0),
    "an old way to say the input shape": (sequential(bare(dense(input_shape=[4]))), 15, 0),
    "the kernel in whole numbers": (
        functional(
            entry(),
            dense(
                "d",
                "x",
                dtype={
                    "module": "keras",
                    "class_name": "QuantizedDTypePolicy",
                    "config": {"mode": "int8", "source_name": "float32"},
                    "registered_name": None,
                },
            ),
        ),
        3,
        15,
    ),
    "a policy that means nothing to a layer": (
        functional(entry(), layer("LayerNormalization", "n", "x", dtype="int8_from_float32")),
        8,
        0,
    ),
}


def count_document(payload: Any, **options: Any) -> Report:
    return count(read_keras(payload), Options(**options))


def problems(error: BaseException) -> list[ArchitectureError]:
    """Return the details of one problem or of several."""
    if isinstance(error, Problems):
        return list(error.problems)
    assert isinstance(error, ArchitectureError)
    return [error]


def numbers(result: Report) -> tuple[int, int]:
    totals = result.root.totals
    return totals.trainable, totals.frozen + totals.buffers
