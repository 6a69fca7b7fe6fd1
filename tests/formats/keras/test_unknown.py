"""keras: layers that no formula knows, and outputs whose shape the document does not state."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import Problems
from tools.cases.keras_documents import (
    Document,
    bare,
    count_document,
    dense,
    entry,
    functional,
    layer,
    nest,
    numbers,
    sequential,
    tensor,
)

FUNCTION = {"class_name": "__lambda__", "config": {"code": "4wEA", "defaults": None, "closure": None}}


def custom(name: str = "mine", kind: str = "Scale", **config: Any) -> Document:
    config = {"name": name, "trainable": True, **config}
    return {"module": "my_code", "class_name": kind, "config": config, "registered_name": f"my>{kind}"}


def built(item: Document, *shape: int | None) -> Document:
    return {**bare(item), "build_config": {"input_shape": [None, *shape]}}


def lstm(name: str, units: int, **config: Any) -> Document:
    return layer("LSTM", name, units=units, **config)


D43 = built(dense("d"), 4)  # 4·3 + 3 = 15
STACK = layer("StackedRNNCells", "s", cells=[custom("cell"), built(layer("LSTMCell", "known", units=2), 6)])

# The parameters of the layers that are known, and the paths of the others.
REPORTED: dict[str, tuple[Document, int, list[str]]] = {
    "in a sequence": (sequential(entry(), custom(), D43), 15, ["mine"]),
    "first in a sequence": (sequential(built(custom(), 4), D43), 15, ["mine"]),
    "last in a sequence": (sequential(entry(), bare(dense("d")), custom()), 15, ["mine"]),
    "two in a sequence": (sequential(entry(), custom(), custom("other"), D43), 15, ["mine", "other"]),
    # 15 + 3·2 + 2: the second layer takes what the first returns
    "successors of successors": (sequential(entry(), custom(), D43, bare(dense("e", units=2))), 23, ["mine"]),
    "before layers without weights": (
        sequential(entry(), custom(), built(layer("Flatten", "f"), 2, 2), bare(dense("d"))),
        15,
        ["mine"],
    ),
    "before an activation, whose input Keras does not state": (
        sequential(entry(), custom(), bare(layer("ReLU", "r")), bare(layer("Dropout", "o", rate=0.5)), D43),
        15,
        ["mine"],
    ),
    "before a reshaping": (
        sequential(entry(), custom(), bare(layer("Reshape", "r", target_shape=[2, 4])), built(dense("d"), 2, 4)),
        15,
        ["mine"],
    ),
    "before the end": (sequential(entry(), bare(dense("d")), custom(), bare(layer("Softmax", "s"))), 15, ["mine"]),
    "a class named as Keras' own": (sequential(entry(), custom(kind="Dense", units=9), D43), 15, ["mine"]),
    "with layers as a number": (sequential(entry(), custom(layers=2), D43), 15, ["mine"]),
    "with layers as sizes": (sequential(entry(), custom(layers=[8, 8]), D43), 15, ["mine"]),
    "with layers of Keras": (sequential(entry(), custom(layers=[bare(dense("q"))]), D43), 15, ["mine"]),
    "in a nested sequence": (
        sequential(entry(), built(sequential(entry("y"), custom(), D43, custom("end"), name="s"), 4), D43),
        30,
        ["s.mine", "s.end"],
    ),
    "before a nested sequence": (
        sequential(
            entry(), custom(), sequential(D43, bare(dense("e", units=2)), name="s", build_input_shape=[None, 4])
        ),
        23,
        ["mine"],
    ),
    "in a model": (
        functional(entry(), nest(custom(), "mine", "x"), dense("d", tensor("mine", shape=(None, 7)))),
        24,  # 7·3 + 3
        ["mine"],
    ),
    "a model of one's own": (
        functional(entry(), nest(custom("m", "Tower", units=3), "m", "x"), dense("d", tensor("m"))),
        15,
        ["m"],
    ),
    "with two outputs": (
        functional(
            entry(),
            nest(custom(), "mine", "x"),
            layer("Add", "add", ([tensor("mine"), tensor("mine", 0, 1)],)),
            dense("d", "add"),
        ),
        15,
        ["mine"],
    ),
    "called twice": (
        functional(entry(), nest(custom(), "mine", "x", tensor("mine")), dense("d", tensor("mine", 1))),
        15,
        ["mine"],
    ),
    "in a wrapper": (
        sequential(entry("x", 5, 4), bare(layer("TimeDistributed", "t", layer=custom())), built(dense("d"), 5, 4)),
        15,
        ["t.mine"],
    ),
    "a cell": (sequential(entry("x", 5, 4), bare(layer("RNN", "r", cell=custom())), D43), 15, ["r.mine"]),
    # 4(6·2 + 2·2 + 2) + 2·3 + 3
    "a cell in a stack": (
        sequential(entry("x", 5, 4), bare(layer("RNN", "r", cell=bare(STACK))), built(dense("d"), 2)),
        81,
        ["r.s.cell"],
    ),
    "a recurrent layer in Bidirectional": (
        sequential(entry("x", 5, 4), bare(layer("Bidirectional", "b", layer=custom("own", "Rnn"))), D43),
        15,
        ["b.forward_own", "b.backward_own"],
    ),
    "in a spectral normalisation": (
        sequential(entry(), bare(layer("SpectralNormalization", "n", layer=custom())), D43),
        15,
        ["n.mine"],
    ),
    "in a pipeline": (
        sequential(
            entry(), bare(layer("Pipeline", "p", layers=[custom(), built(layer("Rescaling", "r", scale=2.0), 4)])), D43
        ),
        15,
        ["p.mine"],
    ),
}


@pytest.mark.parametrize(("payload", "known", "paths"), REPORTED.values(), ids=REPORTED)
def test_the_layers_around_are_counted(payload: Document, known: int, paths: list[str]) -> None:
    report = count_document(payload, unknown="report")
    assert numbers(report) == (known, 0)
    assert [warning.path for warning in report.warnings if warning.code == "unknown_layer"] == paths
    assert not report.exact


@pytest.mark.parametrize("payload", [payload for payload, *_ in REPORTED.values()], ids=REPORTED)
def test_without_the_option_they_are_refused(payload: Document) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert {problem.code for problem in refused.value.problems} == {"unknown_layer"}


def test_a_lambda_before_a_layer_with_a_stated_input() -> None:
    report = count_document(sequential(entry(), bare(layer("Lambda", "f", function=FUNCTION)), D43))
    assert numbers(report) == (15, 0)
    assert [warning.code for warning in report.warnings] == ["code_not_read"]


def code(name: str, *fed_by: Any, **config: Any) -> Document:
    return layer("Lambda", name, *fed_by, function=FUNCTION, **config)


# What does not state its output, and the problems that follow.
BLAMED: list[tuple[Document, str, list[str]]] = [
    (sequential(entry(), bare(code("f")), bare(dense())), '"f" before it (Lambda)', ["/config/layers/2"]),
    (
        sequential(entry(), bare(code("f")), bare(dense()), bare(dense("e"))),
        '"f" before it (Lambda)',
        ["/config/layers/2"],
    ),
    (
        sequential(entry(), bare(code("f")), bare(code("g")), bare(dense())),
        '"f" before it (Lambda)',
        ["/config/layers/3"],
    ),
    (
        sequential(entry(), sequential(bare(dense("q")), bare(code("f")), name="s"), bare(dense())),
        '"s.f" before it (Lambda)',
        ["/config/layers/2"],
    ),
    (
        sequential(
            entry(),
            bare(code("f")),
            sequential(bare(layer("Activation", "a", activation="relu")), bare(dense()), name="s"),
        ),
        '"f" before it (Lambda)',
        ["/config/layers/2/config/layers/1"],
    ),
    (
        sequential(entry("x", 5, 4), bare(layer("TimeDistributed", "t", layer=bare(code("f")))), bare(dense())),
        '"t" before it (TimeDistributed)',
        ["/config/layers/2"],
    ),
]


@pytest.mark.parametrize(("payload", "blamed", "pointers"), BLAMED)
def test_the_layer_that_states_no_output_is_named(payload: Document, blamed: str, pointers: list[str]) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert [problem.pointer for problem in refused.value.problems] == pointers
    for problem in refused.value.problems:
        assert problem.code == "unknown_shape"
        assert f"does not state what {blamed}" in problem.detail
        assert "state an input shape" not in problem.detail


def test_a_stated_output_shape_of_a_lambda() -> None:
    report = count_document(sequential(entry(), bare(code("f", output_shape=[7])), bare(dense())))
    assert numbers(report) == (24, 0)  # 7·3 + 3
