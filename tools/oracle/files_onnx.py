"""onnx: models that the library wrote, exports of torch, and broken ones."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from tools.oracle.files import Check, elements, of_path, report_of, tensors

KINDS = [kind for kind in TensorProto.DataType.values() if kind not in (TensorProto.UNDEFINED, TensorProto.STRING)]


def checks(folder: Path, chance: random.Random) -> Iterator[Check]:
    yield from _types()
    yield from _write_files(folder, chance)
    yield from _fields()
    yield from _large(folder)
    yield from _broken(chance)


def initializers(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """All initializers of a graph, those of graphs within it included."""
    yield from graph.initializer
    yield from _within(graph.node)


def _within(nodes: Iterable[onnx.NodeProto]) -> Iterator[TensorProto]:
    for node in nodes:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from initializers(attribute.g)
            for graph in attribute.graphs:
                yield from initializers(graph)


def real(model: onnx.ModelProto) -> list[TensorProto]:
    """All initializers of a model."""
    collected = list(initializers(model.graph))
    for function in model.functions:
        collected += _within(function.node)
    return collected


def total(model: onnx.ModelProto) -> int:
    return sum(prod(tensor.dims) for tensor in real(model))


def _compare(name: str, model: onnx.ModelProto) -> Iterator[Check]:
    report = report_of(model.SerializeToString(), "onnx")
    wanted = total(model)
    yield name, report is not None and elements(report) == wanted, (wanted, report and elements(report))
    if report is None:
        return
    shapes = sorted(tuple(tensor.dims) for tensor in real(model))
    read_shapes = sorted(tensor.shape for tensor in tensors(report).values())
    yield f"{name}, shapes", read_shapes == shapes, (read_shapes, shapes)
    names = {tensor.name for tensor in model.graph.initializer}
    yield f"{name}, names", names <= tensors(report).keys(), names - tensors(report).keys()


def _types() -> Iterator[Check]:
    """Every data type, with the library's own data."""
    for kind in KINDS:
        made = helper.make_tensor("a.w", kind, (3, 5), [0] * 15)
        yield from _compare(f"type {kind}", _model([], [made]))
        typed = numpy_helper.to_array(made)
        yield from _compare(f"type {kind}, raw", _model([], [numpy_helper.from_array(typed, "a.w")]))
    words = helper.make_tensor("words", TensorProto.STRING, (2,), [b"a", b"bcd"])
    yield from _compare("strings", _model([], [words]))


def _model(nodes: list[onnx.NodeProto], held: list[TensorProto], **more: Any) -> onnx.ModelProto:
    return helper.make_model(helper.make_graph(nodes, "g", [], [], held), **more)


def _tensor(name: str, chance: random.Random) -> TensorProto:
    shape = [chance.randrange(4) for _ in range(chance.randrange(4))]
    kind = chance.choice((np.float32, np.float16, np.int64, np.uint8, np.bool_, np.float64))
    return numpy_helper.from_array(np.zeros(shape, dtype=kind), name)


def _graph(chance: random.Random, depth: int) -> onnx.GraphProto:
    names = chance.sample(
        ["w", "a.w", "h.0.w", "h.1.w", "h.2.w", "é", "onnx::MatMul_1", "If_0.then.w"], chance.randrange(6)
    )
    nodes = [
        helper.make_node("MatMul", ["x", *names[:1]], ["y"]),
        helper.make_node("Reshape", ["y", *names[1:2]], ["z"]),
    ]
    if depth:
        body = {chance.choice(("then_branch", "body")): _graph(chance, depth - 1) for _ in range(2)}
        nodes.append(helper.make_node("If", ["c"], ["d"], chance.choice(("", "a node")), **body))
    nodes.append(helper.make_node("Constant", [], ["k"], value_ints=[1, 2, 3]))
    return helper.make_graph(nodes, "g", [], [], [_tensor(name, chance) for name in names])


def _write_files(folder: Path, chance: random.Random) -> Iterator[Check]:
    """Random models: graphs in graphs, functions, data beside."""
    for number in range(200):
        model = helper.make_model(
            _graph(chance, chance.randrange(4)), producer_name="paramcount " * chance.randrange(3)
        )
        if chance.random() < 0.3:
            inner = _graph(chance, 1).node
            model.functions.append(helper.make_function("my", "f", [], [], list(inner), [helper.make_opsetid("", 18)]))
        yield from _compare(f"onnx {number}", model)
        raw = model.SerializeToString()
        path = folder / "real.onnx"
        onnx.save(model, path, save_as_external_data=chance.random() < 0.5, location=f"data {number}", size_threshold=0)
        report = of_path(path)
        yield f"onnx {number}, file", report is not None and elements(report) == total(model), None
        cut = chance.randrange(len(raw))
        mine, expected = report_of(raw[:cut], "onnx"), _library(raw[:cut])
        yield f"onnx {number}, cut at {cut}", mine is None or elements(mine) == expected, (cut, expected)


def _fields() -> Iterator[Check]:
    """Yield what the wire format leaves free: unpacked dims, fields twice, unknown ones."""
    dims = b"\x08\x02\x08\x03\x10\x01\x42\x01w"
    packed = b"\x0a\x02\x02\x03\x10\x01\x42\x01w"
    for number, held in enumerate((dims, packed, dims + packed[4:], b"\xf8\x7f\x05" + dims)):
        raw = b"\x08\x08\x3a" + bytes([len(held) + 2, 0x2A, len(held)]) + held
        for body in (raw, raw + raw[2:].replace(b"w", b"v"), raw[2:] + raw[:2]):
            mine = report_of(body, "onnx")
            yield f"fields {number}", mine is not None and elements(mine) == _library(body), body


def _large(folder: Path) -> Iterator[Check]:
    """8 GB that are not there: a raw tensor in a file with a hole."""
    size = 4 * 10**5 * 2 * 10**4
    path = folder / "large.onnx"
    with path.open("wb") as file:
        file.write(_raw_data(size))
        file.truncate(file.tell() + size)
    began = time.perf_counter()
    report = of_path(path)
    took = time.perf_counter() - began
    print(f"an ONNX file of {path.stat().st_size / 1e9:.0f} GB: {1000 * took:.1f} ms")
    path.unlink()
    yield "8 GB", report is not None and elements(report) == 2 * 10**9, report
    yield "8 GB, quickly", took < 0.5, took


def _raw_data(size: int) -> bytes:
    """The beginning of a model of one tensor, up to its raw data."""
    tensor = b"\x08" + _varint(10**5) + b"\x08" + _varint(2 * 10**4) + b"\x10\x01\x42\x01w\x4a" + _varint(size)
    held = b"\x2a" + _varint(len(tensor) + size) + tensor
    return b"\x08\x08\x3a" + _varint(len(held) + size) + held


def _varint(value: int) -> bytes:
    collected = bytearray()
    while value > 127:
        collected.append(value & 127 | 128)
        value >>= 7
    return bytes([*collected, value])


def _library(raw: bytes) -> int | None:
    try:
        return total(onnx.load_model_from_string(raw))
    except (DecodeError, UnicodeDecodeError):
        return None


def _broken(chance: random.Random) -> Iterator[Check]:
    """Some bytes changed: where the library can read it too, it has our numbers. We pass over parts that it reads."""
    for number in range(20_000):
        raw = bytearray(helper.make_model(_graph(chance, 2)).SerializeToString())
        for _ in range(chance.randrange(1, 4)):
            raw[chance.randrange(len(raw))] = chance.choice((0, 1, 8, 10, 42, 58, 255, chance.randrange(256)))
        report = report_of(bytes(raw), "onnx")
        if report is None:
            continue
        if (expected := _library(bytes(raw))) is None:
            continue
        yield f"broken {number}", elements(report) == expected, (elements(report), expected, bytes(raw))
