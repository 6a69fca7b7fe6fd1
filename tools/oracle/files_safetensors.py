"""safetensors: files that the library wrote, and headers that it refuses."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from tools.oracle.files import Check, elements, of_path, report_of, stored_bytes, tensors
from tools.oracle.files_torch import Tied

DTYPES = (
    torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
    torch.float8_e8m0fnu, torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32,
    torch.uint64, torch.bool, torch.complex64,
)  # fmt: skip
NAMES = (
    "w",
    "a.w",
    "h.0.w",
    "h.1.w",
    "h.2.w",
    "h.10.w",
    "",
    ".",
    "a..b",
    "é.ü",
    "h.0-1.w",
    "deep." * 200 + "w",
    'x\n"\\',
)


def checks(folder: Path, chance: random.Random) -> Iterator[Check]:
    yield from _write_files(folder, chance)
    yield from _models(folder)
    yield from _write_shards(folder, chance)
    yield from _large(folder)
    yield from _broken(chance)


def _write_files(folder: Path, chance: random.Random) -> Iterator[Check]:
    """Random files, name by name."""
    for number in range(200):
        held = {
            name: torch.zeros([chance.randrange(6) for _ in range(chance.randrange(4))], dtype=chance.choice(DTYPES))
            for name in chance.sample(NAMES, chance.randrange(len(NAMES)))
        }
        path = folder / "real.safetensors"
        safetensors.torch.save_file(held, path, {"format": "pt"} if number % 2 else None)
        report = of_path(path)
        with safetensors.safe_open(path, "pt") as real:
            names = list(real.keys())
            wanted = {
                name: (tuple(real.get_slice(name).get_shape()), real.get_slice(name).get_dtype()) for name in names
            }
        read = {name: (t.shape, t.dtype) for name, t in tensors(report).items()} if report else {}
        yield f"safetensors {number}", read == wanted, wanted.items() ^ read.items()
        size = sum(tensor.numel() * tensor.element_size() for tensor in held.values())
        yield f"safetensors {number}, bytes", report is not None and stored_bytes(report) == size, size
        raw = path.read_bytes()
        whole, first = (
            report_of(raw, "safetensors"),
            report_of(raw[: 8 + int.from_bytes(raw[:8], "little")], "safetensors"),
        )
        same = (
            whole is not None and first is not None and report is not None and whole.root == first.root == report.root
        )
        yield f"safetensors {number}, in bytes", same, None
        cut = chance.randrange(8 + int.from_bytes(raw[:8], "little"))
        yield f"safetensors {number}, cut at {cut}", report_of(raw[:cut], "safetensors") is None, cut
        path.write_bytes(raw[:-1])
        yield f"safetensors {number}, a byte short", of_path(path) is None, None
        path.write_bytes(raw + b"x")
        yield f"safetensors {number}, a byte long", of_path(path) is None, None


def _models(folder: Path) -> Iterator[Check]:
    """save_model leaves out what is tied, and notes it."""
    for model in (Tied(), nn.LSTM(4, 5), nn.Sequential(nn.BatchNorm2d(5))):
        path = folder / "model.safetensors"
        safetensors.torch.save_model(model, str(path))
        report = of_path(path)
        distinct = {(t.data_ptr(), t.shape): t.numel() for t in model.state_dict().values() if t.numel()}
        wanted = sum(distinct.values())
        yield f"save_model {type(model).__name__}", report is not None and elements(report) == wanted, wanted
        names = tensors(report).keys() if report else set()
        yield f"save_model {type(model).__name__}, names", names == model.state_dict().keys(), names


def _write_shards(folder: Path, chance: random.Random) -> Iterator[Check]:
    """A checkpoint of several files, with an index and without."""
    sharded = folder / "sharded"
    sharded.mkdir()
    weight_map: dict[str, str] = {}
    total = size = 0
    for number in range(1, 6):
        held = {f"h.{number}.{name}": torch.zeros(chance.randrange(9), 3) for name in "abc"}
        name = f"model-{number:05}-of-00005.safetensors"
        safetensors.torch.save_file(held, sharded / name)
        weight_map |= dict.fromkeys(held, name)
        total += sum(tensor.numel() for tensor in held.values())
        size += sum(4 * tensor.numel() for tensor in held.values())
    report = of_path(sharded)
    yield "sharded", report is not None and (elements(report), report.exact) == (total, True), total
    index = sharded / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": size}, "weight_map": weight_map}))
    for path in (sharded, index):
        report = of_path(path)
        yield "sharded, index", report is not None and (elements(report), report.exact) == (total, True), total
    (sharded / "model-00003-of-00005.safetensors").unlink()
    report = of_path(sharded)
    yield "sharded, one missing", report is not None and not report.exact, report


def _large(folder: Path) -> Iterator[Check]:
    """300 GB that are not there: only the header is read."""
    held = {
        f"h.{i}.w": {"dtype": "BF16", "shape": [10**5, 10**4], "data_offsets": [i * 2 * 10**9, (i + 1) * 2 * 10**9]}
        for i in range(150)
    }
    raw = json.dumps(held).encode()
    path = folder / "large.safetensors"
    with path.open("wb") as file:
        file.write(len(raw).to_bytes(8, "little") + raw)
        file.truncate(8 + len(raw) + 300 * 10**9)
    with safetensors.safe_open(path, "np") as real:  # torch would map it for writing
        wanted = len(real.keys()) * 10**9
    began = time.perf_counter()
    report = of_path(path)
    took = time.perf_counter() - began
    path.unlink()
    yield "300 GB", report is not None and elements(report) == wanted, wanted
    yield "300 GB, quickly", took < 0.5, took
    print(f"a safetensors file of 300 GB: {1000 * took:.1f} ms")


def _library(raw: bytes) -> int | None:
    """Return how many elements the library finds; None where it refuses the file."""
    try:
        entries = safetensors.deserialize(raw)
    except (safetensors.SafetensorError, ValueError, OverflowError):
        return None
    total = 0
    for _, entry in entries:
        size = 1
        for length in entry["shape"]:
            size *= length
        total += size
    return total


def _broken(chance: random.Random) -> Iterator[Check]:
    """Headers with one thing changed, and the library's verdict on each. Names twice are refused by us alone."""
    for number in range(20_000):
        header = _header(chance)
        for _ in range(chance.randrange(3)):
            _mutate(header, chance)
        data = max((e["data_offsets"][1] for e in header.values() if _has_end(e)), default=0)
        raw = json.dumps(header, ensure_ascii=chance.random() < 0.5, indent=chance.choice((None, 1))).encode()
        claimed = chance.choice((len(raw),) * 8 + (len(raw) + 1, 0, 2**63, 10**8 + 1, max(len(raw) - 1, 0)))
        whole = claimed.to_bytes(8, "little") + raw + bytes(min(data, 10**6))
        if chance.random() < 0.05:
            position = chance.randrange(len(whole))
            whole = whole[:position] + bytes([chance.randrange(256)]) + whole[position + 1 :]
        expected, report = _library(whole), report_of(whole, "safetensors")
        mine = None if report is None else elements(report)
        huge = str(2**63).encode() in whole  # beside a 0; no array has such an axis
        if expected is not None and mine is None and (_twice(whole) or expected > 2**53 or huge):
            continue
        yield f"broken {number}", mine == expected, (expected, mine, whole[:300])


def _header(chance: random.Random) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    at = 0
    for name in chance.sample(NAMES, chance.randrange(1, 5)):
        shape = [chance.randrange(4) for _ in range(chance.randrange(4))]
        dtype, bits = chance.choice(
            (("F32", 32), ("BF16", 16), ("I64", 64), ("BOOL", 8), ("F8_E5M2FNUZ", 8), ("F4", 4), ("F6_E2M3", 6))
        )
        size = bits
        for length in shape:
            size *= length
        entries[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + size // 8]}
        at += size // 8
    if chance.random() < 0.3:
        entries["__metadata__"] = {"format": "pt"}
    return entries


def _mutate(header: dict[str, Any], chance: random.Random) -> None:
    """Change one thing of a header."""
    unusual: tuple[Any, ...] = (
        -1,
        0,
        1,
        2.0,
        2**31,
        2**40,
        2**63,
        2**64,
        None,
        "1",
        True,
        [],
        {},
        [[]],
        "F32",
        "F33",
        "Q4_K",
        [1, 2],
        [0, 4],
    )
    name = chance.choice(list(header))
    entry = header[name]
    if chance.random() < 0.15 or not isinstance(entry, dict) or not entry:
        header[name] = chance.choice(unusual)
        return
    member = chance.choice(list(entry))
    if chance.random() < 0.1:
        del entry[member]
    elif isinstance(entry[member], list) and entry[member] and chance.random() < 0.7:
        entry[member][chance.randrange(len(entry[member]))] = chance.choice(unusual)
    else:
        entry[member] = chance.choice(unusual)


def _has_end(entry: Any) -> bool:
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    return isinstance(offsets, list) and len(offsets) > 1 and type(offsets[1]) is int and offsets[1] >= 0


def _twice(whole: bytes) -> bool:
    """Return whether a name stands twice in a header."""
    pairs: list[int] = []

    def note(entries: list[tuple[str, Any]]) -> dict[str, Any]:
        pairs.append(len(entries) - len(dict(entries)))
        return dict(entries)

    try:
        json.loads(whole[8 : 8 + int.from_bytes(whole[:8], "little")], object_pairs_hook=note)
    except ValueError:
        return False
    return any(pairs)
