"""gguf: files that the library wrote, of every type and in both byte orders, and broken ones."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from gguf.constants import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFEndian

from paramcount.formats.gguf import read_file
from tools.oracle.files import Check, elements, of_path, report_of, stored_bytes, tensors

NAMES = (
    "token_embd.weight",
    "output.weight",
    *(f"blk.{i}.{n}.weight" for i in range(4) for n in ("attn_q", "ffn_up")),
    "é",
)


def checks(folder: Path, chance: random.Random) -> Iterator[Check]:
    yield from _types(folder)
    yield from _write_files(folder, chance)
    yield from _large(folder)
    yield from _broken(folder, chance)


def _types(folder: Path) -> Iterator[Check]:
    """Every type that the library knows: elements, and bytes by its table of sizes."""
    for kind, (block, _) in GGML_QUANT_SIZES.items():
        path = folder / "type.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        _add(writer, "w", (3, 2 * block), kind)
        _close(writer)
        yield from _same(path, f"type {kind.name}")


def _write_files(folder: Path, chance: random.Random) -> Iterator[Check]:
    """Random files, with metadata of every kind, cut off as well."""
    for number in range(150):
        path = folder / "real.gguf"
        order = chance.choice((GGUFEndian.LITTLE, GGUFEndian.LITTLE, GGUFEndian.BIG))
        writer = gguf.GGUFWriter(path, "llama", endianess=order)
        _describe(writer, chance)
        for name in chance.sample(NAMES, chance.randrange(len(NAMES) + 1)):
            kind = chance.choice(list(GGML_QUANT_SIZES))
            shape = [chance.randrange(1, 4) for _ in range(chance.randrange(4))]
            _add(writer, name, (*shape, chance.randrange(1, 3) * GGML_QUANT_SIZES[kind][0]), kind)
        _close(writer)
        yield from _same(path, f"gguf {number}")
        raw = path.read_bytes()
        try:
            described = read_file(raw).described
        except Exception as error:  # noqa: BLE001 # whatever it is, it is to be seen
            yield f"gguf {number}, in bytes", False, error
            continue
        yield f"gguf {number}, enough", report_of(raw[:described], "gguf") is not None, described
        cut = chance.randrange(described)
        yield f"gguf {number}, cut at {cut}", report_of(raw[:cut], "gguf") is None, cut


def _describe(writer: gguf.GGUFWriter, chance: random.Random) -> None:
    if chance.random() < 0.5:
        writer.add_name("a model")
    if chance.random() < 0.5:
        writer.add_custom_alignment(chance.choice((16, 32, 64, 256)))
    writer.add_float32("f", 0.5)
    writer.add_bool("b", True)
    writer.add_uint64("u", 2**63)
    writer.add_array("tokens", [f"token {i}" for i in range(chance.randrange(50))] or [""])
    writer.add_array("scores", [float(i) for i in range(chance.randrange(1, 50))])


def _add(writer: gguf.GGUFWriter, name: str, shape: tuple[int, ...], kind: GGMLQuantizationType) -> None:
    """A tensor of a shape in numpy's order, all zeros."""
    block, size = GGML_QUANT_SIZES[kind]
    plain = {
        "F32": np.float32,
        "F16": np.float16,
        "F64": np.float64,
        "I8": np.int8,
        "I16": np.int16,
        "I32": np.int32,
        "I64": np.int64,
    }
    if kind.name in plain:
        writer.add_tensor(name, np.zeros(shape, dtype=plain[kind.name]))
    else:
        raw = np.zeros((*shape[:-1], shape[-1] // block * size), dtype=np.uint8)
        writer.add_tensor(name, raw, raw_dtype=kind)


def _close(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _same(path: Path, name: str) -> Iterator[Check]:
    """Our numbers beside GGUFReader's."""
    real = gguf.GGUFReader(path).tensors
    wanted = {t.name: (tuple(int(n) for n in reversed(t.shape)), t.tensor_type.name) for t in real}
    report = of_path(path)
    read = {name: (t.shape, t.dtype) for name, t in tensors(report).items()} if report else None
    yield name, read == wanted, (read, wanted)
    if report:
        sums = sum(int(t.n_elements) for t in real), sum(int(t.n_bytes) for t in real)
        yield f"{name}, sums", (elements(report), stored_bytes(report)) == sums, sums


def _large(folder: Path) -> Iterator[Check]:
    """120 GB that are not there, behind a vocabulary of 150,000 words."""
    path = folder / "large.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_array("tokenizer.ggml.tokens", [f"token {i}" for i in range(150_000)])
    for number in range(100):
        writer.add_tensor_info(f"blk.{number}.w", (10**5, 6 * 10**3), np.dtype(np.float16), 12 * 10**8)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    writer.close()
    with path.open("r+b") as file:
        file.truncate(read_file(path.read_bytes()).size)
    began = time.perf_counter()
    report = of_path(path)
    took = time.perf_counter() - began
    wanted = sum(int(tensor.n_elements) for tensor in gguf.GGUFReader(path).tensors)
    yield "120 GB", report is not None and elements(report) == wanted == 100 * 6 * 10**8, wanted
    yield "120 GB, quickly", took < 2, took
    print(f"a GGUF file of {path.stat().st_size / 1e9:.0f} GB: {1000 * took:.1f} ms")
    path.unlink()


def _broken(folder: Path, chance: random.Random) -> Iterator[Check]:
    """One byte changed: what we take has the library's numbers."""
    path = folder / "real.gguf"
    writer = gguf.GGUFWriter(path, "llama")
    _describe(writer, chance)
    for kind in (GGMLQuantizationType.F32, GGMLQuantizationType.Q4_K, GGMLQuantizationType.Q8_0):
        _add(writer, f"{kind.name}.weight", (2, 256), kind)
    _close(writer)
    whole = path.read_bytes()
    described = read_file(whole).described
    for number in range(3_000):
        raw = bytearray(whole)
        raw[chance.randrange(described)] = chance.choice((0, 1, 2, 255, chance.randrange(256)))
        path.write_bytes(raw)
        report = of_path(path)
        if report is None:
            continue
        expected: Any
        try:
            expected = sum(int(tensor.n_elements) for tensor in gguf.GGUFReader(path).tensors)
        except Exception as error:  # noqa: BLE001 # the library raises whatever comes up
            expected = repr(error)
        yield f"broken {number}", elements(report) == expected, (elements(report), expected)
