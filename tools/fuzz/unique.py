"""Good requests that never repeat: whatever a cache keeps of one, no other needs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

import orjson

from paramcount.adapters.registry import METHODS
from paramcount.formats.huggingface.blueprints import iterate_classes
from tests.builders.adapters import MANIFEST
from tools.fuzz.requests import JSON, NDJSON, Request

_RESNET = (Path(__file__).parents[2] / "examples/resnet50-keras.json").read_bytes()


def stream(seed: int) -> Iterator[Request]:
    """Yield requests without end."""
    random, number = Random(seed), seed * 10**9
    classes = sorted(iterate_classes())
    makers = (_keras, _torch, _native, _query, _manifest, _adapter, _batch, lambda *_: _config(random, classes))
    while True:
        number += 1
        yield random.choice(makers)(random, number)


def _post(path: str, document: Any, media: str = JSON) -> Request:
    body = document if isinstance(document, bytes) else orjson.dumps(document)
    return Request("unique", "POST", path, {"Content-Type": media}, body)


def _keras(random: Random, number: int) -> Request:
    """Return a model whose every layer has a name and a width of its own."""
    body = _RESNET.replace(b'"conv', b'"c%dv' % number).replace(
        b'"filters": 64', b'"filters": %d' % random.randrange(1, 10**9)
    )
    detail = random.choice(("layers", "tensors", "totals"))
    return _post(f"/v1/count/keras?detail={detail}", body)


def _torch(random: Random, number: int) -> Request:
    lines = "\n".join(
        f"  (m{number}_{index}): {random.choice(('Linear', 'Net', f'N{number}x{index}'))}"
        f"(in_features={random.randrange(1, 10**6)}, out_features={random.randrange(1, 10**6)}, bias=True)"
        for index in range(random.choice((5, 50, 500)))
    )
    return _post("/v1/count/torch?unknown=report", f"M{number}(\n{lines}\n)".encode(), "text/plain")


def _native(random: Random, number: int) -> Request:
    stack = {
        "type": "LSTM",
        "input_size": number % 10**9 + 1,
        "hidden_size": random.randrange(9, 999),
        "num_layers": 90,
    }
    dense = [
        {"type": "Linear", "name": f"l{number}_{index}", "in_features": number % 10**9 + 1, "out_features": index + 1}
        for index in range(random.choice((5, 50)))
        for _ in range(2)  # for the second time, it is cached
    ]  # fmt: skip
    layers = [{**layer, "name": f"{layer['name']}_{index}"} for index, layer in enumerate(dense)]
    return _post("/v1/count/native", {"framework": "torch", "layers": [stack, {**stack}, *layers]})


def _query(random: Random, number: int) -> Request:
    glob = quote(f"*{number}." * random.choice((1, 50)))
    document = {"framework": "torch", "layers": [{"type": "Linear", "in_features": 3, "out_features": 4}]}
    request = _post(f"/v1/count/native?freeze={glob}", document)
    return request._replace(headers={**request.headers, "Accept": f"text/x{number}, */*"})


def _manifest(random: Random, number: int) -> Request:
    names = {f"b{number}.{index}.w": {"shape": [random.randrange(1, 10**6), index + 1]} for index in range(300)}
    return _post("/v1/count/tensors?detail=tensors", {"parameters": names})


def _adapter(random: Random, number: int) -> Request:
    name = random.choice(sorted(METHODS))
    pattern = random.choice((rf".*(q|x{number})$", rf"(?!.*y{number}).*\.q", rf"(?:a{number}|" * 20 + "q" + ")" * 20))
    adapter = {"peft_type": name, **({"target_modules": pattern} if METHODS[name].kinds else {})}
    return _post("/v1/count", {"architecture": MANIFEST, "adapter": adapter, "unknown": "report"})


def _batch(random: Random, number: int) -> Request:
    lines = [_native(random, 1_000 * number + index).body for index in range(20)]
    return _post("/v1/batch", b"\n".join(lines), NDJSON)


def _config(random: Random, classes: list[tuple[str, str]]) -> Request:
    model_type, name = random.choice(classes)
    sizes = {"vocab_size": random.randrange(100, 10**6), "num_hidden_layers": random.randrange(1, 90)}
    return _post("/v1/count/huggingface", {"model_type": model_type, "architectures": [name], **sizes})
