"""onnx: models made byte by byte, valid, invalid and truncated; which tensors are weights."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest

from paramcount.analysis.conventions import count_by_view
from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.onnx import wire
from paramcount.model.errors import Problems
from paramcount.model.report import Report
from paramcount.schema.registry import FORMATS
from tests.builders.onnx import (
    FLOAT16,
    IF,
    INT4,
    INT8,
    INT64,
    STRING,
    UINT8,
    init,
    message,
    model,
    node,
    number,
    settings,
    tensor,
    varint,
)


def count_document(payload: Any) -> Report:
    return count(read(payload, FORMATS["onnx"]))


VALUE = message(5, message(1, "value"), message(5, tensor("", 3, 4)))


@pytest.mark.parametrize(
    ("payload", "trainable", "frozen", "buffers"),
    [
        (model(), 0, 0, 0),
        (model(init("w", 2, 3)), 6, 0, 0),
        (model(init("w", 2, 3, packed=True)), 6, 0, 0),
        (model(init("w")), 1, 0, 0),
        (model(init("w", 0, 3)), 0, 0, 0),
        (model(init("w", 2, 3), init("v", 4, kind=FLOAT16)), 10, 0, 0),
        (model(init("w", 2, 3, more=message(9, bytes(24)))), 6, 0, 0),
        (model(init("w", 5, kind=INT4, more=message(9, bytes(3)))), 0, 0, 5),
        (model(init("w", 2, 3, more=number(14, 1) + message(13, message(1, "location")))), 6, 0, 0),
        # The order of fields is free, and a message may come in parts.
        (message(7, init("w", 2)) + number(1, 8) + message(7, init("v", 3)), 5, 0, 0),
        (model(number(99, 5), b"\xfd\x06" + bytes(4), b"\xf9\x06" + bytes(8), init("w", 2)), 2, 0, 0),
        # Shapes, indices, statistics, states and scales are no weights.
        (model(node("Reshape", "x", "s"), init("s", 2, kind=INT64)), 0, 0, 2),
        (model(node("Slice", "x", "s"), init("s", 2)), 0, 0, 2),
        (model(node("BatchNormalization", *"xwbmv"), *(init(name, 8) for name in "wbmv")), 16, 0, 16),
        (model(node("LSTM", "x", "w", "r", "b", "", "h", "c"), init("w", 9), init("h", 4), init("c", 4)), 9, 0, 8),
        (model(node("Div", "x", "k"), init("k")), 0, 0, 1),
        (model(node("Conv", "x", "k"), init("k", 1, 1, 1, 1)), 1, 0, 0),
        (model(node("Add", "x", "b"), init("b", 8)), 8, 0, 0),
        (model(node("Gather", "t", "i"), init("t", 8), init("i", 2, kind=INT64)), 8, 0, 2),
        # One that serves as a weight and as something else is a weight.
        (model(node("Reshape", "x", "k"), node("MatMul", "x", "k"), init("k", 8)), 8, 0, 0),
        # Quantised weights do not train.
        (model(node("DequantizeLinear", *"wsz"), init("w", 9, kind=INT8), init("s"), init("z", kind=INT8)), 0, 9, 2),
        (
            model(
                node("MatMulNBits", *"xws", attributes=settings(K=16, N=4, bits=4, block_size=16)),
                init("w", 4, 1, 8, kind=UINT8),
                init("s", 4),
            ),
            0,
            32,
            4,
        ),
        # Graphs in attributes, of nodes and of functions; a subgraph uses tensors of the graph around it.
        (model(IF, init("w", 2)), 14, 0, 0),
        (model(init("w", 2), more=message(25, message(1, "f"), message(7, IF[2:]))), 14, 0, 0),
        (
            model(
                node("If", attributes=message(5, message(6, node("Reshape", "x", "s")))),
                init("s", 2),
            ),
            0,
            0,
            2,
        ),
        # Dots in names make layers.
        (model(node("Reshape", "x", "a.s"), init("a.s", 2), init("a.0.w", 3), init("a.1.w", 3)), 6, 0, 2),
        (model(init("words", 3, kind=STRING)), 0, 0, 3),
    ],
)
def test_totals(payload: bytes, trainable: int, frozen: int, buffers: int) -> None:
    report = count_document(payload)
    assert (report.root.totals.trainable, report.root.totals.frozen, report.root.totals.buffers) == (
        trainable,
        frozen,
        buffers,
    )
    assert (report.convention, report.exact) == ("stored", True)


@pytest.mark.parametrize(
    ("graph", "code", "detail", "exact"),
    [
        (node("Constant", attributes=VALUE), "constant_nodes", "12 elements of 1 Constant nodes", False),
        (node("Constant", attributes=message(5, message(8, b"\1\2"))), "constant_nodes", "2 elements", True),
        (node("Constant", attributes=message(5, number(8, 1))), "constant_nodes", "1 elements", True),
        (node("Constant", attributes=message(5, message(7, bytes(8)))), "constant_nodes", "2 elements", False),
        (node("Constant", attributes=message(5, b"\x15" + bytes(4))), "constant_nodes", "1 elements", True),
        (message(15, message(1, tensor("w", 3)), number(3, 4), number(3, 5)), "sparse", "3 values of 1 ", False),
        (init("words", 3, kind=STRING), "strings", "not counted", True),
        (init("w", 3), "likely_weights", "3 elements of 1 initializers are likely weights", True),
    ],
)
def test_notices(graph: bytes, code: str, detail: str, exact: bool) -> None:
    report = count_document(model(graph))
    assert any(warning.code == code and detail in warning.detail for warning in report.warnings), report.warnings
    assert report.exact is exact


def one_node(
    operator: str, shape: tuple[int, ...], kind: int = UINT8, position: int = 1, **attributes: int | str
) -> bytes:
    """Return a model of one node, whose input at `position` is an initializer of that shape."""
    inputs = ["x"] * position + ["w"]
    return model(node(operator, *inputs, attributes=settings(**attributes)), init("w", *shape, kind=kind))


@pytest.mark.parametrize(
    ("payload", "values"),
    [
        # As MatMulNBitsQuantizer of onnxruntime 1.32 wrote them: [N, ceil(K / block), block x bits / 8].
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=32, bits=4, block_size=32), 2048),
        (one_node("MatMulNBits", (33, 3, 16), K=70, N=33, bits=4, block_size=32), 2310),  # 96 inputs, of which 70 are
        (one_node("MatMulNBits", (33, 3, 32), K=70, N=33, bits=8, block_size=32), 2310),
        (one_node("MatMulNBits", (33, 3, 8), K=70, N=33, bits=2, block_size=32), 2310),
        (one_node("MatMulNBits", (32, 2, 12), K=64, N=32, bits=3, block_size=32), 2048),
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=32, block_size=32), 2048),  # 4 bits where nothing is said
        (one_node("MatMulNBits", (1024,), K=64, N=32, bits=4, block_size=32), 2048),
        (one_node("MatMulBnb4", (1155,), K=70, N=33, block_size=64, quant_type=1), 2310),  # (70 x 33 + 1) / 2
        (one_node("MatMulNBitsMlp", (32, 2, 16), position=6, K=64, N=32, bits=4, block_size=32), 2048),
        (one_node("MatMulNBitsQkv", (32, 2, 16), position=3, K=64, Nq=32, Nkv=8, bits=4, block_size=32), 2048),
        (one_node("MatMulNBitsQkv", (8, 2, 16), position=9, K=64, Nq=32, Nkv=8, bits=4, block_size=32), 512),
        (one_node("GatherBlockQuantized", (50, 32), position=0, block_size=32, bits=4), 3200),
        (one_node("GatherBlockQuantized", (50, 32), position=0, block_size=32), 3200),
        (one_node("GatherBlockQuantized", (50, 64), position=0, block_size=32, bits=8), 3200),
        (one_node("MatMulBlockQuantizedFp4Weight", (32, 32)), 2048),
        (one_node("QMoE", (3, 32, 32), position=2, k=2, expert_weight_bits=4), 6144),  # 3 experts of 32 x 64
        (one_node("QMoE", (3, 32, 32), position=5, k=2), 6144),
        (one_node("QMoE", (3, 32, 16), position=8, k=2, expert_weight_bits=4, fc3_expert_weight_bits=2), 6144),
        (one_node("QMoE", (3, 32, 32), position=2, quant_type="nvfp4"), 6144),
        (one_node("QMoE", (3, 32, 64), position=2, quant_type="fp8"), 6144),
        # Not proven
        (one_node("MatMulNBits", (32, 2, 16)), None),
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=33, bits=4, block_size=32), None),
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=32, bits=4), None),
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=32, bits=9, block_size=32), None),
        (one_node("MatMulNBits", (32, 2, 16), K=64, N=32, bits="4", block_size=32), None),
        (one_node("MatMulNBits", (32, 2, 16), K=2**63, N=2**63, bits=0, block_size=0), None),
        (one_node("GatherBlockQuantized", (50, 32), position=0, bits=3), None),
        (one_node("QMoE", (3, 32, 32), position=2, quant_type="another"), None),
        (one_node("MatMulFpQ4", (640,)), None),
        (
            model(
                node("MatMulNBits", "x", "w", attributes=settings(K=64, N=32, block_size=32)),
                node("MatMulNBits", "x", "w", attributes=settings(K=60, N=32, block_size=32)),
                init("w", 32, 2, 16, kind=UINT8),
            ),
            None,
        ),
    ],
)
def test_packed_weights(payload: bytes, values: int | None) -> None:
    report = count_document(payload)
    (warning,) = [warning for warning in report.warnings if warning.code == "packed"]
    start = f"stands for {values:,} parameters" if values is not None else "stands for parameters whose number"
    assert warning.detail.startswith(start), warning.detail
    assert report.exact is (values is not None)
    assert (report.root.totals.trainable, report.root.totals.buffers) == (0, 0)
    assert count_by_view(report).totals.get("unpacked") == values


@pytest.mark.parametrize(
    ("payload", "frozen", "buffers"),
    [
        # Types of 4 bits have a value an element.
        (one_node("GatherBlockQuantized", (50, 64), kind=INT4, position=0, bits=4), 3200, 0),
        (one_node("DequantizeLinear", (50, 64), kind=INT4, position=0), 3200, 0),
        (one_node("MatMulInteger", (50, 64), kind=INT8), 3200, 0),
        (one_node("QAttention", (50, 64), kind=INT8), 3200, 0),
        (one_node("Gather", (50, 64), position=0, kind=UINT8), 0, 3200),
        (one_node("MatMulNBits", (64,), position=3), 0, 64),  # zero points
        (one_node("GatherBlockQuantized", (5,), position=1, kind=INT64), 0, 5),
        (one_node("QMoE", (3, 32), position=11), 0, 96),
        (one_node("MatMulNBits", (32, 0, 16), K=64, N=32, bits=4, block_size=32), 0, 0),  # left out
    ],
)
def test_what_is_not_packed(payload: bytes, frozen: int, buffers: int) -> None:
    report = count_document(payload)
    assert (report.root.totals.frozen, report.root.totals.buffers) == (frozen, buffers)
    assert "packed" not in {warning.code for warning in report.warnings}
    assert report.exact


def test_compiled_parts_are_described() -> None:
    report = count_document(model(node("EPContext", "x"), init("w", 2)))
    assert not report.exact
    assert "compiled_nodes" in {warning.code for warning in report.warnings}


def test_training_graphs_are_not_counted() -> None:
    report = count_document(model(init("w", 3), more=message(20, message(2, init("w", 4), init("v", 5)))))
    assert report.root.totals.trainable == 3
    assert "training_info" in [warning.code for warning in report.warnings]


def nest_graphs(depth: int) -> bytes:
    graph = init("w", 1)
    for _ in range(depth):
        graph = node("If", attributes=message(5, message(6, graph)))
    return graph


@pytest.mark.parametrize(
    ("payload", "detail"),
    [
        (b"", "is empty"),
        (number(1, 8), "holds no graph"),
        (number(1, 8) + number(7, 3), "a number stands where a message must"),
        (model(init("w", -1)), "must hold sizes from 0"),
        (model(init("w", 2**62)), "must hold sizes from 0"),
        (model(init("w", *[1] * 65)), "at most 64 axes"),
        (model(init("w", 2**40, 2**40)), "more than"),
        (model(init("w", 2, kind=0)), "data type 0"),
        (model(init("w", 2, kind=99)), "data type 99"),
        (model(message(5, number(1, 2), message(2, "F"), message(8, "w"))), "which ONNX does not have"),
        (model(init("w", 2, more=message(9, bytes(4)))), "holds 4 bytes, where 8 make F32"),
        (model(init("w", 2), init("w", 2)), "already"),
        (model(message(5, message(8, b"\xff"), number(2, 1))), "not UTF-8"),
        (model(message(5, number(8, 3), number(2, 1))), "a number stands where a name must"),
        (model(nest_graphs(60)), "graphs in graphs"),
        (model() + b"\x0b", "what no message has"),
        (model() + b"\x02\x01a", "no number of a field"),
        (model() + b"\x08" + b"\xff" * 11, "no integer"),
        (message(7, b"\x2a\x05ab") + number(1, 8) * 4, "within one of its fields"),
        (model() + varint(1 << 32 | 2) + b"\0", "no number of a field"),
        (number(1, 8) + b"\x3a\xe8\x07abc", "ends after 8 bytes, within a message: at least the first 1,005"),
        (number(1, 8) + b"\x3a", "ends after 3 bytes"),
        ({}, "must be"),
        (None, "must be"),
    ],
)
def test_refused(payload: Any, detail: str) -> None:
    with pytest.raises(Problems) as refused:
        count_document(payload)
    assert any(detail in problem.detail for problem in refused.value.problems), refused.value.problems


def test_one_initializer_used_many_times() -> None:
    """Its uses take memory with their number, not with its square."""
    payload = model(node("Add", *["w"] * 20_000), init("w"))
    tracemalloc.start()
    read(payload, FORMATS["onnx"])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 * len(payload)


def test_fields_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "_MAX_FIELDS", 1_000)
    count_document(model(number(99, 1) * 300))
    with pytest.raises(Problems) as refused:
        count_document(model(number(99, 1) * 1_000))
    assert [problem.detail for problem in refused.value.problems] == ["has more than 1,000 fields"]


def test_cut_off_at_every_byte() -> None:
    whole = model(IF, node("Constant", attributes=VALUE), init("w", 2, 3, more=message(9, bytes(24))))
    for length in range(len(whole)):
        with pytest.raises(Problems):
            count_document(whole[:length])


@pytest.mark.parametrize("payload", [model(init("w", 2)), number(1, 9) + message(2, "pytorch") + model()])
def test_recognised(payload: bytes) -> None:
    assert detect(payload).name == "onnx"
