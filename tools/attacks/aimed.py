"""Requests of a few bytes, each aimed at one cost: time, memory, caches, or the length of the answer."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from itertools import count
from typing import Any

import orjson

from tools.fuzz.requests import JSON, Request

_MAX_DIM = 2**40
_NATIVE, _ANY = "/v1/count/native", "/v1/count"


def aimed_requests(random_number: int = 0) -> Iterator[Request]:
    """Yield attacks without end; no two are the same, so that no cache answers them."""
    for number in count(random_number):
        yield from _steps(number)
        yield from _copies(number)
        yield from _names(number)


def _steps(number: int) -> Iterator[Request]:
    """Yield patterns and values that make small requests long ones."""
    glob, name = ".".join(["1,1,1,1"] * 24), ".".join(["1"] * 24)
    dropout = {"type": "Dropout", "rate": 0.1, "name": f"{name}.y{number}"}
    yield _post("a glob of equal indices", f"{_NATIVE}?freeze={glob}.x{number}", {"layers": [dropout]})
    conv = {"type": "Conv2d", "in_channels": 1, "out_channels": 1, "kernel_size": [_MAX_DIM - number, 1], "name": "x"}
    adapter: dict[str, Any] = {"peft_type": "OFT", "target_modules": ["x"], "oft_block_size": 4, "r": 0}
    yield _post("a long kernel", _ANY, {"architecture": _torch(conv), "adapter": adapter})
    linear = {"type": "Linear", "in_features": 3, "out_features": 3 + number, "name": "x"}
    for kind, expression in (
        ("a wide expression", "(?i:[\x01-\uffff])" * 6_000),
        ("a nested expression", "(" * 90 + "x*" + ")*" * 90),
    ):
        lora = {"peft_type": "LORA", "r": 8, "target_modules": expression}
        yield _post(kind, _ANY, {"architecture": _torch(linear), "adapter": lora})
    rows = [linear | {"name": f"{row}-999999"} for row in range(200)]
    replication = {"peft_type": "LORA", "r": 8, "target_modules": ["x"], "layer_replication": [[0, 1 + number]]}
    nested = {"type": "Sequential", "name": "layers", "layers": rows}
    yield _post("replication", _ANY, {"architecture": _torch(nested), "adapter": replication})


def _copies(number: int) -> Iterator[Request]:
    """Yield what stands for much more than its bytes."""
    inner = {"type": "Dense", "units": 3, "repeat": _MAX_DIM - number}
    wrapped = {"type": "TimeDistributed", "layer": inner}
    yield _post("repeat in a wrapper", _NATIVE, {"framework": "keras", "input_shape": [5, 3], "layers": [wrapped]})
    recurrent = [
        {"type": "LSTM", "input_size": number * 50 + size, "hidden_size": 2, "num_layers": 1_000, "bidirectional": True}
        for size in range(1, 51)
    ]
    yield _post("many tensors of few layers", f"{_NATIVE}?detail=totals", _torch(*recurrent))
    block = {
        "name": "0-9999",
        "type": "Block",
        "repeat": 10_000,
        "layers": [{"type": "Dense", "units": 3 + number}] * 20,
    }
    repeated = {"framework": "keras", "input_shape": [3], "layers": [block]}
    yield _post("rules over repeated blocks", f"{_NATIVE}?freeze=*1*&train=*2*&freeze=*3*", repeated)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "num_hidden_layers": _MAX_DIM - number}
    yield _post("a config of endless layers", "/v1/count/huggingface", config)
    many_uses = _field(1, b"w") * (10_000 + number % 1_000)
    uses = _field(5, _field(8, b"w") + b"\x10\x01") + _field(1, many_uses + _field(4, b"Add"))
    yield _post("one weight, many uses", "/v1/count/onnx", b"\x08\x08" + _field(7, uses), "application/octet-stream")
    yield Request("inflation", "POST", _NATIVE, _headers(), gzip.compress(b" " * (40_000_000 + number)))


def _names(number: int) -> Iterator[Request]:
    """Yield long and similar names."""
    children = "".join(f"    ({child}): A()\n" for child in range(10_000))
    text = f"M(\n  ({'a' * 100_000}{number}): S(\n{children}  )\n)"
    yield _post("a long name above many", "/v1/count/torch", text, "text/plain")
    yield _post("a class of many bytes", "/v1/count/torch", f"M(\n  (x): A{number}{'b' * 5_000_000}()\n)", "text/plain")
    dense = [{"type": "Dense", "units": 3, "name": f"{row:b}".translate({48: "ab", 49: "ba"})} for row in range(600)]
    missing = [{"type": "Dense", "units": 3, "name": f"x{row}", "inputs": [f"{'ab' * 50}{row}"]} for row in range(20)]
    layers = {"framework": "keras", "input_shape": [3], "layers": [*dense, *missing]}
    yield _post("names alike", _NATIVE, layers)
    members = {f"m{number}_{member}": 1 for member in range(20_000)}
    one = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 3} | members]}
    yield _post("unknown members", _NATIVE, one)
    yield Request("a method of its own", f"X{number}", "/nothing", {"Host": "x"}, b"")


def _torch(*layers: dict[str, Any]) -> dict[str, Any]:
    return {"framework": "torch", "layers": list(layers)}


def _post(kind: str, path: str, document: Any, media: str = JSON) -> Request:
    raw = document if isinstance(document, bytes) else document.encode() if isinstance(document, str) else None
    return Request(
        kind, "POST", path, _headers(media), gzip.compress(orjson.dumps(document) if raw is None else raw, 1)
    )


def _headers(media: str = JSON) -> dict[str, str]:
    return {"Host": "x", "Content-Type": media, "Content-Encoding": "gzip"}


def _varint(value: int) -> bytes:
    return (bytes([value & 127 | 128]) + _varint(value >> 7)) if value > 127 else bytes([value])


def _field(number: int, content: bytes) -> bytes:
    """A field of protobuf, with its length."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content
