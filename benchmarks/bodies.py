"""The requests that are measured."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import orjson

_HERE = Path(__file__).parent
_EXAMPLES = _HERE.parent / "examples"

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


def resnet50() -> bytes:
    """ResNet-50 as Keras writes it."""
    return (_EXAMPLES / "resnet50-keras.json").read_bytes()


def bert() -> bytes:
    """print() of transformers' BertModel, 12 layers."""
    return (_HERE / "bodies/bert-base-torch.txt").read_bytes()


def native(layers: int, first: int = 0) -> dict[str, Any]:
    """So many dense layers, no two neighbours of which are as two others; others for each `first`."""
    dense = [{"type": "Dense", "name": f"dense_{n}", "units": 1 + (first + n) * 7919 % 65521} for n in range(layers)]
    return {"framework": "keras", "input_shape": [64], "layers": dense}


def _mlp() -> dict[str, Any]:
    layers = [{"type": "Dense", "units": units} for units in (512, 256, 128, 10)]
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


def _stacked(count: int) -> Iterator[tuple[str, list[int]]]:
    """So many tensors of alike blocks."""
    for n in range(count):
        block, part = divmod(n, len(_BLOCK))
        name, shape = list(_BLOCK.items())[part]
        yield f"model.layers.{block}.{name}.weight", shape


def safetensors(count: int) -> bytes:
    """A file's header: its length, and so many tensors."""
    described, end = {}, 0
    for name, shape in _stacked(count):
        start, end = end, end + 2 * prod(shape)
        described[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}
    raw = orjson.dumps(described)
    return len(raw).to_bytes(8, "little") + raw


def tensors(count: int) -> dict[str, Any]:
    """So many named tensors of alike blocks."""
    return {"parameters": {name: {"shape": shape, "dtype": "bfloat16"} for name, shape in _stacked(count)}}


def _batch(lines: int) -> bytes:
    envelopes = ({"architecture": LLAMA_70B | {"num_hidden_layers": 1 + n}, "detail": "totals"} for n in range(lines))
    return b"\n".join(map(orjson.dumps, envelopes)) + b"\n"


def bodies() -> list[Body]:
    """All of them."""
    json, dumps = "application/json", orjson.dumps
    nasnet = gzip.decompress((_HERE / "bodies/nasnet-large-keras.json.gz").read_bytes())
    return [
        Body("4-layer MLP", "/v1/count", json, dumps(_mlp())),
        Body("Llama-70B config", "/v1/count/huggingface", json, dumps(LLAMA_70B)),
        Body("print of a 12-layer BERT", "/v1/count/torch", "text/plain", bert()),
        Body("ResNet-50 Keras JSON", "/v1/count/keras", json, resnet50()),
        Body("NASNetLarge Keras JSON", "/v1/count/keras", json, nasnet),
        Body("safetensors header, 1,000", "/v1/count/safetensors", "application/octet-stream", safetensors(1000)),
        Body("tensors, 20,000", "/v1/count/tensors", json, dumps(tensors(20_000))),
        Body("native, 20,000 layers", "/v1/count/native", json, dumps(native(20_000))),
        Body("batch of 1,000 configs", "/v1/batch", "application/x-ndjson", _batch(1000)),
    ]
