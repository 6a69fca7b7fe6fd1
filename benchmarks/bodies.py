"""The requests that are measured."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import orjson

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parent / "examples"
_TEXT, _BYTES, _LINES = "text/plain", "application/octet-stream", "application/x-ndjson"

LLAMA_70B: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 128000,
    "eos_token_id": 128001,
    "hidden_act": "silu",
    "hidden_size": 8192,
    "initializer_range": 0.02,
    "intermediate_size": 28672,
    "max_position_embeddings": 8192,
    "model_type": "llama",
    "num_attention_heads": 64,
    "num_hidden_layers": 80,
    "num_key_value_heads": 8,
    "pretraining_tp": 1,
    "rms_norm_eps": 1e-05,
    "rope_scaling": None,
    "rope_theta": 500000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "bfloat16",
    "use_cache": True,
    "vocab_size": 128256,
}


class Body(NamedTuple):
    """One request."""

    name: str
    path: str
    media: str
    raw: bytes
    other: Callable[[int], bytes]  # the same request in other sizes, by number, where it can have others


def resnet50() -> bytes:
    """ResNet-50 as Keras writes it."""
    return (_EXAMPLES / "resnet50-keras.json").read_bytes()


def bert() -> bytes:
    """print() of transformers' BertModel, 12 layers."""
    return (_HERE / "bodies/bert-base-torch.txt").read_bytes()


def native(layers: int, first: int = 0) -> dict[str, Any]:
    """Return so many dense layers, no pair of neighbours of which occurs twice; other ones for each `first`."""
    dense = [{"type": "Dense", "name": f"dense_{n}", "units": 1 + (first + n) * 7919 % 65521} for n in range(layers)]
    return {"framework": "keras", "input_shape": [64], "layers": dense}


def _mlp(more: int = 0) -> dict[str, Any]:
    layers = [{"type": "Dense", "units": units + more} for units in (512, 256, 128, 10)]
    return {"architecture": {"framework": "keras", "input_shape": [784], "layers": layers}}


_BLOCK = {
    "input_layernorm": [4096],
    "mlp.down_proj": [4096, 14336],
    "mlp.gate_proj": [14336, 4096],
    "mlp.up_proj": [14336, 4096],
    "post_attention_layernorm": [4096],
    "self_attn.k_proj": [1024, 4096],
    "self_attn.o_proj": [4096, 4096],
    "self_attn.q_proj": [4096, 4096],
    "self_attn.v_proj": [1024, 4096],
}
"""The weights of a block of Llama-3-8B."""


def llama(more: int) -> bytes:
    """Return Llama-70B's config, so much larger in two sizes."""
    return orjson.dumps(LLAMA_70B | {name: LLAMA_70B[name] + more for name in ("intermediate_size", "vocab_size")})


def _wider(raw: bytes, more: int) -> bytes:
    """Keras' JSON of a model with so many more filters in each convolution."""
    return re.sub(rb'("filters": ?)(\d+)', lambda match: match[1] + b"%d" % (int(match[2]) + more), raw)


def _stack(count: int, more: int = 0) -> Iterator[tuple[str, list[int]]]:
    """Yield the names and shapes of so many tensors of equal blocks, so much larger along each axis."""
    for n in range(count):
        block, part = divmod(n, len(_BLOCK))
        name, shape = list(_BLOCK.items())[part]
        yield f"model.layers.{block}.{name}.weight", [size + more for size in shape]


def safetensors(count: int, more: int = 0) -> bytes:
    """A file's header: its length, and so many tensors."""
    described, end = {}, 0
    for name, shape in _stack(count, more):
        start, end = end, end + 2 * prod(shape)
        described[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    raw = orjson.dumps(described)
    return len(raw).to_bytes(8, "little") + raw


def tensors(count: int, more: int = 0) -> dict[str, Any]:
    """Return so many named tensors of equal blocks."""
    return {"parameters": {name: {"shape": shape, "dtype": "bfloat16"} for name, shape in _stack(count, more)}}


def _batch(lines: int, more: int = 0) -> bytes:
    configs = ({"num_hidden_layers": 1 + n, "vocab_size": 128256 + more} for n in range(lines))
    envelopes = ({"architecture": LLAMA_70B | config, "detail": "totals"} for config in configs)
    return b"\n".join(map(orjson.dumps, envelopes)) + b"\n"


def _body(name: str, form: str, other: Callable[[int], bytes], media: str = "application/json") -> Body:
    return Body(name, f"/v1/count{form}", media, other(0), other)


def bodies() -> list[Body]:
    """Return all requests."""
    nasnet = gzip.decompress((_HERE / "bodies/nasnet-large-keras.json.gz").read_bytes())
    return [
        _body("4-layer MLP", "", lambda more: orjson.dumps(_mlp(more))),
        _body("Llama-70B config", "/huggingface", llama),
        _body("print of a 12-layer BERT", "/torch", lambda more: bert().replace(b"768", b"%d" % (768 + more)), _TEXT),
        _body("ResNet-50 Keras JSON", "/keras", lambda more: _wider(resnet50(), more)),
        _body("NASNetLarge Keras JSON", "/keras", lambda _: nasnet),  # its cells fit each other in few sizes
        _body("safetensors header, 1,000", "/safetensors", lambda more: safetensors(1000, more), _BYTES),
        _body("tensors, 20,000", "/tensors", lambda more: orjson.dumps(tensors(20_000, more))),
        _body("native, 20,000 layers", "/native", lambda more: orjson.dumps(native(20_000, 20_000 * more))),
        _body("batch of 1,000 configs", "", lambda more: _batch(1000, more), _LINES)._replace(path="/v1/batch"),
    ]
