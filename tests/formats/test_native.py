"""native: attention on one layer, frameworks that are not stated, batch axes, and what fits no layer.

The totals of Keras layers are those of keras 3.15.1, of torch layers those of torch 2.13.0; others have their working.
"""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import Options, count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.rendering.fields import total_fields

MHA = {"type": "MultiHeadAttention", "num_heads": 12, "key_dim": 64}
GQA = {"type": "GroupQueryAttention", "head_dim": 64, "num_query_heads": 12, "num_key_value_heads": 4}
WIDE = {"type": "Dense", "name": "x", "units": 768}  # 768·768 + 768 = 590,592
NARROW = {"type": "Dense", "name": "x", "units": 512}  # 768·512 + 512 = 393,728
BATCH_NORM = {"type": "BatchNorm1d", "num_features": 10}  # 20 weights, 21 buffers
LINEAR = {"type": "Linear", "in_features": 10, "out_features": 2}  # 22
DENSE = {"type": "Dense", "units": 10}
RELU = {"type": "ReLU"}


def report(*layers: Any, **members: Any) -> Report:
    document = {"layers": list(layers), **members}
    return count(read(document, detect(document)))


def total(*layers: Any, **members: Any) -> int:
    counted = report(*layers, **members)
    return total_fields(counted.root.totals, counted.convention)["total"]


def problems(*layers: Any, **members: Any) -> list[tuple[str, str]]:
    with pytest.raises(Problems) as refused:
        report(*layers, **members)
    return [(problem.pointer, problem.detail) for problem in refused.value.problems]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        ([MHA], 2_362_368),
        ([GQA], 1_574_912),
        ([WIDE, MHA | {"inputs": ["x"]}], 2_952_960),
        ([WIDE, MHA | {"inputs": ["x", "x"]}], 2_952_960),
        ([WIDE, GQA | {"inputs": ["x", "x", "x"]}], 590_592 + 1_574_912),
        ([NARROW, MHA | {"inputs": ["input", "x"]}], 2_362_880),
        ([NARROW, MHA | {"inputs": ["input", "x", "x"]}], 2_362_880),
        ([{"type": "Block", "repeat": 12, "layers": [MHA, {"type": "LayerNormalization"}]}], 12 * (2_362_368 + 1536)),
        ([{"type": "keras.MultiHeadAttention", "num_heads": 12, "key_dim": 64}, {"type": "Dense", "units": 1}],
         2_362_368 + 769),
    ],
)  # fmt: skip
def test_attention(layers: list[Any], expected: int) -> None:
    assert total(*layers, input_shape=[7, 768]) == expected


@pytest.mark.parametrize(
    ("layers", "problem"),
    [
        ([MHA | {"inputs": ["input"] * 4}], ("/layers/0", "takes at most 3 inputs, not 4")),
        ([NARROW, GQA | {"inputs": ["input", "x"]}],
         ("/layers/1", "takes inputs that agree, not (None, 7, 768), (None, 7, 512) and (None, 7, 512)")),
        ([MHA | {"inputs": ["input", "y"]}], ("/layers/0", 'no layer here is called "y"')),
        ([WIDE, {"type": "Block", "inputs": ["x", "input"], "layers": [DENSE | {"name": "k"},
          DENSE | {"inputs": ["k"]}]}], ("/layers/1", "takes one input, not 2")),
        ([{"type": "LSTM", "units": 3, "inputs": ["input", "input"]}, DENSE],
         ("/layers/0", "takes one input, not 2")),
    ],
)  # fmt: skip
def test_inputs_that_do_not_fit(layers: list[Any], problem: tuple[str, str]) -> None:
    assert problems(*layers, input_shape=[7, 768]) == [problem]


@pytest.mark.parametrize(
    ("layers", "convention", "expected", "codes"),
    [
        ([BATCH_NORM, LINEAR], "torch", 42, []),
        ([BATCH_NORM, RELU, LINEAR], "torch", 42, []),
        ([{"type": "Block", "layers": [BATCH_NORM, LINEAR]}], "torch", 42, []),
        ([{"type": "torch.LSTM", "input_size": 4, "hidden_size": 5}, {"type": "Dropout"}], "torch", 220, []),
        ([DENSE, RELU, {"type": "BatchNormalization"}], "keras", 40 + 40, []),
        ([DENSE, LINEAR], "keras", 40 + 22, ["mixed_frameworks"]),
        ([DENSE, LINEAR, {"type": "Linear", "in_features": 2, "out_features": 5}, {"type": "Dense", "units": 1}],
         "keras", 40 + 22 + 15 + 6, ["mixed_frameworks"]),
        ([DENSE, BATCH_NORM, LINEAR], "keras", 40 + 41 + 22, ["mixed_frameworks"]),
        ([DENSE, {"type": "lowrank.LowRankDense", "units": 4, "rank": 2}], "keras", 40 + 10 * 2 + 2 * 4 + 4, []),
    ],
)  # fmt: skip
def test_frameworks_that_are_not_stated(layers: list[Any], convention: str, expected: int, codes: list[str]) -> None:
    stated = {"input_shape": [3]} if convention == "keras" else {}
    counted = report(*layers, **stated)
    assert (counted.convention, total(*layers, **stated)) == (convention, expected)
    assert [warning.code for warning in counted.warnings] == codes
    assert counted.exact == (not codes or not counted.root.totals.buffers)


@pytest.mark.parametrize(
    "layers",
    [[RELU, {"type": "Dropout"}], [{"type": "LSTM", "units": 4}], [DENSE, RELU, LINEAR]],
    ids=["of both", "of both, with the arguments of one", "a mixture"],
)
def test_types_that_name_no_framework(layers: list[Any]) -> None:
    refused = problems(*layers, input_shape=[3])
    assert any("is a layer of several frameworks" in detail for _, detail in refused)


def test_a_layer_inside_another_is_of_the_same_framework() -> None:
    bidirectional = {"type": "Bidirectional", "layer": {"type": "LSTM", "units": 4}}
    assert total(bidirectional, input_shape=[5, 8]) == 416  # 2 · 4·4·(8 + 4 + 1)
    encoder = {"type": "TransformerEncoderLayer", "d_model": 8, "nhead": 2}
    assert total({"type": "TransformerEncoder", "num_layers": 2, "encoder_layer": encoder}) == 70_288


def test_a_stated_framework_holds() -> None:
    assert total(BATCH_NORM, LINEAR, framework="torch") == 42
    counted = report({"type": "torch.BatchNorm1d", "num_features": 10}, framework="keras")
    assert (counted.convention, counted.warnings) == ("keras", ())


FLATTEN = {"type": "Flatten"}
CONV = {"type": "Conv2D", "filters": 10, "kernel_size": 3}  # 3·3·3·10 + 10


@pytest.mark.parametrize(
    ("input_shape", "layers", "expected", "output"),
    [
        ([28, 28], [FLATTEN, DENSE], 7850, (None, 10)),
        ([None, 28, 28], [FLATTEN, DENSE], 7850, (None, 10)),
        ([None, 3], [DENSE], 40, (None, 10)),
        ({"a": [None, 3]}, [DENSE], 40, (None, 10)),
        ([None, 32, 32, 3], [CONV], 280, (None, 30, 30, 10)),
        ([None, None, 3], [CONV], 280, (None, None, None, 10)),  # images of any size, as Keras' shape=(None, None, 3)
        ([None, None, None, 3], [CONV], 280, (None, None, None, 10)),
        ([None, 64], [{"type": "LSTM", "units": 5}, DENSE], 1400 + 60, (None, 10)),  # sequences of any length
        ([28, None, 3], [CONV], 280, (None, 26, None, 10)),
    ],
)
def test_a_batch_axis_in_the_input_shape(
    input_shape: Any, layers: list[Any], expected: int, output: tuple[int | None, ...]
) -> None:
    counted = report(*layers, input_shape=input_shape, framework="keras")
    assert counted.root.totals.trainable == expected
    assert counted.root.output == output


def test_batch_axes_of_several_inputs() -> None:
    add = {"type": "Concatenate", "inputs": ["a", "b"]}
    shapes = {"a": [None, 3], "b": [None, 4]}
    assert report(add, DENSE, input_shape=shapes, framework="keras").root.output == (None, 10)
    mixed = {"a": [None, 3], "b": [5, 4]}  # only one has a first axis that is open: it is no batch axis
    sides = [{"type": "Dense", "units": 2, "inputs": [name]} for name in mixed]
    outputs = report(*sides, input_shape=mixed).root.output
    assert outputs == [(None, None, 2), (None, 5, 2)]


def test_what_fits_no_reading_is_a_problem_of_the_one_with_a_batch_axis() -> None:
    (problem,) = problems(CONV, input_shape=[None, 4], framework="keras")
    assert "(None, 4)" in problem[1]


def test_unknown_layers_are_reported_beside_a_batch_axis() -> None:
    document = {"layers": [{"type": "Mine"}, BATCH_NORM], "input_shape": [None, 3]}
    counted = count(read(document, detect(document)), Options(unknown="report"))
    assert (counted.convention, counted.exact) == ("torch", False)


CONV2D = {"type": "torch.Conv2d", "in_channels": 3, "out_channels": 8, "kernel_size": 3}
LSTM = {"type": "torch.LSTM", "input_size": 10, "hidden_size": 6, "bidirectional": True}
NORM = {"type": "LayerNorm", "normalized_shape": 10}


@pytest.mark.parametrize(
    ("input_shape", "layers", "output"),  # as torch 2.13.0 returns it
    [
        ([10], [LINEAR], (None, 2)),
        ([7, 10], [NORM, RELU, LINEAR], (None, 7, 2)),
        ([7, 10], [LSTM, {"type": "Linear", "in_features": 12, "out_features": 4}], (None, 7, 4)),
        ([7, 10], [LSTM | {"proj_size": 2}, {"type": "Dropout", "p": 0.1}], (None, 7, 4)),
        ([7], [{"type": "Embedding", "num_embeddings": 9, "embedding_dim": 10}, LINEAR], (None, 7, 2)),
        ([10], [BATCH_NORM, {"type": "PReLU"}, LINEAR], (None, 2)),
        ([3, 9, 9], [CONV2D, {"type": "Linear", "in_features": 7, "out_features": 1}], None),
        ([9, 9, 3], [CONV2D], None),  # channels last, as Keras has them
        ([None, 10], [LINEAR], (None, 2)),
        (None, [LINEAR, LINEAR], None),  # no shape is known, and torch builds it
    ],
)  # fmt: skip
def test_shapes_through_torch(input_shape: Any, layers: list[Any], output: Any) -> None:
    stated = {} if input_shape is None else {"input_shape": input_shape}
    assert report(*layers, framework="torch", **stated).root.output == output


@pytest.mark.parametrize(
    ("input_shape", "layers", "problem"),
    [
        ([3], [{"type": "Dense", "units": 5}, LINEAR], "has 10 in_features, and an input of the shape (None, 5)"),
        ([3], [{"type": "Dense", "units": 5}, {"type": "keras.ReLU"}, {"type": "torch.Dropout"}, LINEAR],
         "has 10 in_features, and an input of the shape (None, 5)"),
        ([7, 3], [{"type": "keras.LSTM", "units": 5}, LINEAR],
         "has 10 in_features, and an input of the shape (None, 5)"),
        ([9, 9, 3], [CONV, LINEAR | {"in_features": 490}],
         "has 490 in_features, and an input of the shape (None, 7, 7, 10)"),
        ([7], [{"type": "keras.Embedding", "input_dim": 9, "output_dim": 8}, LINEAR],
         "has 10 in_features, and an input of the shape (None, 7, 8)"),
        ([7], [{"type": "torch.Embedding", "num_embeddings": 9, "embedding_dim": 8}, LINEAR],
         "has 10 in_features, and an input of the shape (None, 7, 8)"),
        ([7, 9], [LSTM], "has 10 input_size, and an input of the shape (None, 7, 9)"),
        ([4, 9, 9], [CONV2D], "has 3 in_channels, and an input of the shape (None, 4, 9, 9)"),
        ([9], [BATCH_NORM], "has 10 num_features, and an input of the shape (None, 9)"),
        ([9], [NORM], "has 10 elements in the last axis of normalized_shape, and an input of the shape (None, 9)"),
        ([10], [LINEAR, LINEAR], "has 10 in_features, and an input of the shape (None, 2)"),
    ],
)  # fmt: skip
def test_torch_layers_after_what_does_not_fit(input_shape: Any, layers: list[Any], problem: str) -> None:
    pointer = f"/layers/{len(layers) - 1}"
    assert problems(*layers, input_shape=input_shape) == [(pointer, problem)]


def test_arguments_of_another_framework_are_refused() -> None:
    refused = problems({"type": "Linear", "units": 10}, framework="torch")
    assert {pointer for pointer, _ in refused} == {
        "/layers/0/units",
        "/layers/0/in_features",
        "/layers/0/out_features",
    }
    (problem,) = problems(DENSE, framework="torch")
    assert '"Dense" is an unknown layer type' in problem[1]
