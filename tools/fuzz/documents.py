"""Documents that look right and are made to take long: quadratic, exponential, endless, or just at a limit."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from paramcount.schema.registry import FORMATS, load_plugins
from tools.fuzz.alterations import Pick, alter_json

load_plugins()
_EXAMPLES = Path(__file__).parents[2] / "examples"

SlowDocument = Callable[[Pick], tuple[str, Any]]
SLOW: list[SlowDocument] = []


def _slow(make: SlowDocument) -> SlowDocument:
    SLOW.append(make)
    return make


def _native(layers: Sequence[Any], **more: Any) -> tuple[str, Any]:
    return "native", {"framework": "keras", "input_shape": [4], "layers": list(layers), **more}


def _dense(index: int, **more: Any) -> dict[str, Any]:
    return {"type": "Dense", "name": f"d{index}", "units": 4, **more}


@_slow
def unknown_types(pick: Pick) -> tuple[str, Any]:
    """Each unknown type is compared with each known one."""
    long = pick((1, 10, 190))
    return _native([{"type": f"{'Dens' * long}{index}"[-200:]} for index in range(3000)])


@_slow
def unknown_members(_: Pick) -> tuple[str, Any]:
    return _native([_dense(index, **{f"unitz{part}": 1 for part in range(30)}) for index in range(500)])


@_slow
def names_that_clash(pick: Pick) -> tuple[str, Any]:
    """Names that the service would give itself."""
    layers = [{"type": "ReLU", "name": f"relu_{index}"} for index in range(0, 9000, pick((1, 2)))]
    return _native([*layers, *({"type": "ReLU"} for _ in range(9000))])


@_slow
def one_name(_: Pick) -> tuple[str, Any]:
    return _native([_dense(0)] * 20_000)


@_slow
def fan_in(pick: Pick) -> tuple[str, Any]:
    """Every layer takes what all before it return."""
    size = pick((100, 600))
    layers = [_dense(index) for index in range(size)]
    merged = [
        {"type": "Add", "name": f"a{index}", "inputs": [f"d{other}" for other in range(size)]} for index in range(size)
    ]
    return _native([*layers, *merged])


@_slow
def all_before(pick: Pick) -> tuple[str, Any]:
    size = pick((50, 500))
    first = [_dense(0, inputs=["input"])]
    kind = pick(("Concatenate", "Add"))
    later = [
        {"type": kind, "name": f"d{index}", "inputs": [f"d{other}" for other in range(index)]}
        for index in range(1, size)
    ]
    return _native([*first, *later])


@_slow
def cycle(pick: Pick) -> tuple[str, Any]:
    size = pick((1, 2, 3000))
    return _native([_dense(index, inputs=[f"d{(index + 1) % size}"]) for index in range(size)])


@_slow
def backwards(_: Pick) -> tuple[str, Any]:
    """A chain whose last layer stands first."""
    size = 20_000
    layers = [_dense(index, inputs=["input" if index == size - 1 else f"d{index + 1}"]) for index in range(size)]
    return _native(layers)


@_slow
def copies_of_copies(pick: Pick) -> tuple[str, Any]:
    """Blocks of blocks, each repeated."""
    block: dict[str, Any] = _dense(0)
    for level in range(pick((3, 20, 90))):
        block = {"type": "Block", "name": f"b{level}", "repeat": pick((2, 10, 2**40)), "layers": [block]}
    return _native([block])


@_slow
def copies_with_indices(pick: Pick) -> tuple[str, Any]:
    """Rules tell the copies apart; a few levels of them are millions."""
    times = pick((10, 99, 10_000))
    block: dict[str, Any] = _dense(0)
    for _ in range(pick((2, 3, 6))):
        block = {"type": "Block", "name": f"0-{times - 1}", "repeat": times, "layers": [block]}
    return _native([block])


@_slow
def shares(pick: Pick) -> tuple[str, Any]:
    size = pick((2, 5000))
    return _native([_dense(index, shares=f"d{(index + 1) % size if index % 10 else 0}") for index in range(size)])


@_slow
def shapes(pick: Pick) -> tuple[str, Any]:
    """Products that are enormous, and layers that make them."""
    kind = pick(
        (
            {"type": "Flatten"}, {"type": "Dense", "units": 2**40}, {"type": "UpSampling2D", "size": [2**30, 2**30]},
            {"type": "ZeroPadding2D", "padding": 2**40}, {"type": "Reshape", "target_shape": [-1] + [2**40] * 30},
            {"type": "Embedding", "input_dim": 2**40, "output_dim": 2**40}, {"type": "RepeatVector", "n": 2**40},
            {"type": "Conv2D", "filters": 2**40, "kernel_size": 2**40}, {"type": "Permute", "dims": list(range(1, 33))},
            {"type": "EinsumDense", "equation": "abcdefghijklmnop,qrstuvwxyz->" + "a" * 500, "output_shape": [1] * 500},
            {"type": "EinsumDense", "equation": "...x,xy->" + "...y" * 100, "output_shape": [4]},
            {"type": "MultiHeadAttention", "num_heads": 2**40, "key_dim": 2**40}, {"type": "LSTM", "units": 2**40},
            {"type": "TextVectorization", "vocabulary": ["a"] * 9000}, {"type": "Discretization", "num_bins": 2**40},
            {"type": "StackedRNNCells", "cells": [{"type": "LSTMCell", "units": 8}] * 2000},
            {"type": "torch.TransformerEncoder", "num_layers": 2**40}, {"type": "torch.LSTM", "num_layers": 2**40},
            {"type": "torch.LSTM", "input_size": 8, "hidden_size": 8, "num_layers": 10 ** pick((5, 7, 12))},
            {"type": "torch.Transformer", "d_model": 8, "nhead": 2, "num_encoder_layers": 10**6},
        )
    )  # fmt: skip
    shape = pick(([2**40] * 32, [4], [2**40, 2**40, 3], [None] * 4, [64, 64, 3], [10, 4]))
    return "native", {"framework": pick(("keras", "torch")), "input_shape": shape, "layers": [kind] * 3}


@_slow
def wrappers(pick: Pick) -> tuple[str, Any]:
    """A wrapper of a wrapper: each may ask for its part twice."""
    part: dict[str, Any] = pick(({"type": "LSTM", "units": 2}, _dense(0)))
    for _ in range(pick((5, 20, 60))):
        part = {"type": pick(("Bidirectional", "TimeDistributed", "SpectralNormalization")), "layer": part}
    return "native", {"framework": "keras", "input_shape": [2] * pick((2, 31)), "layers": [part]}


@_slow
def keras_calls(pick: Pick) -> tuple[str, Any]:
    """One layer called thousands of times, on shapes that differ."""
    size = pick((10, 3000))
    tensor = {"class_name": "__keras_tensor__", "config": {"shape": [None, 4], "keras_history": ["d", 0, 0]}}
    nodes = []
    for index in range(size):
        came = {
            **tensor,
            "config": {"shape": [None, 4], "keras_history": ["i", 0, 0] if not index else ["d", index - 1, 0]},
        }
        nodes.append({"args": [came], "kwargs": {}})
    layers = [
        {
            "class_name": "InputLayer",
            "name": "i",
            "config": {"name": "i", "batch_shape": [None, 4]},
            "inbound_nodes": [],
        },
        {"class_name": "Dense", "name": "d", "config": {"name": "d", "units": 4}, "inbound_nodes": nodes},
    ]
    ends = {"input_layers": [["i", 0, 0]], "output_layers": [["d", size - 1, 0]]}
    return "keras", {"class_name": "Functional", "config": {"name": "m", "layers": layers, **ends}}


@_slow
def keras_models_in_models(pick: Pick) -> tuple[str, Any]:
    """A model that calls a model twice, that calls a model twice ..."""
    inner: dict[str, Any] = {"class_name": "Dense", "config": {"name": "d", "units": 4}}
    for level in range(pick((3, 12, 19, 45))):
        ref = [[["i", 0, 0, {}]], [["m", 0, 0, {}]]]
        layers = [
            {
                "class_name": "InputLayer",
                "name": "i",
                "config": {"name": "i", "batch_input_shape": [None, 4]},
                "inbound_nodes": [],
            },
            {**inner, "name": "m", "inbound_nodes": ref},
        ]
        config = {"name": f"m{level}", "layers": layers, "input_layers": [["i", 0, 0]], "output_layers": [["m", 1, 0]]}
        inner = {"class_name": "Functional", "config": config}
    return "keras", inner


@_slow
def keras_changed(pick: Pick) -> tuple[str, Any]:
    return "keras", alter_json(pick, json.loads((_EXAMPLES / "resnet50-keras.json").read_bytes()))


@_slow
def ties(pick: Pick) -> tuple[str, Any]:
    """Tensors tied in one long group, or in many that overlap."""
    names = [f"{'a.' * (0, 30)[index % 2]}{index}" for index in range(4000)]
    groups = pick(([names], [[names[0], name] for name in names[1:]], [names[i : i + 2] for i in range(3999)]))
    return "tensors", {"parameters": {name: {"shape": [2, 2]} for name in names}, "tied": groups}


@_slow
def deep_names(pick: Pick) -> tuple[str, Any]:
    """Dotted names: one node a dot."""
    dots = pick((5, 80, 95, 5000))
    return "tensors", {"parameters": {"a." * dots + str(index): {"shape": [1]} for index in range(200)}}


@_slow
def huge_tensors(pick: Pick) -> tuple[str, Any]:
    shape = pick(([2**40] * 3, [2**62], [0, 2**40], [1] * 5000, [2**31, 2**31], [], [-1], [2**53]))
    return "tensors", {
        pick(("parameters", "state_dict", "buffers")): {str(i): {"shape": shape, "dtype": "F32"} for i in range(50)}
    }


@_slow
def headers(pick: Pick) -> tuple[str, Any]:
    """Safetensors headers: overlaps, gaps, very many, very large."""
    size = pick((1, 100, 20_000))
    step = pick((0, 4, 5, 2**40))
    entries = {f"t{i}": {"dtype": "F32", "shape": [1], "data_offsets": [i * step, i * step + 4]} for i in range(size)}
    shards = {
        f"model-{i}.safetensors": {f"t{i}": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}} for i in range(size)
    }
    index = {"weight_map": {f"t{i}": f"model-{i % 7}.safetensors" for i in range(size)}}
    return "safetensors", pick((entries, {"shards": shards}, {"shards": shards, "index": index}, {"index": index}))


@_slow
def config(pick: Pick) -> tuple[str, Any]:
    """A config of transformers with a field that is enormous, wrong or a list without end."""
    document = dict(pick(GOOD["huggingface"]))
    field = pick([*document, "layer_types", "head_dim", "num_experts", "vocab_size", "hidden_size", "num_layers"])
    document[field] = pick(
        (10**18, 2**40, 2**40 + 1, 10**7, 4097, -1, 0, 0.1, 1e300, "4096", None, True, [1] * 100_001, [4096] * 5000,
         ["full_attention", "sliding_attention"] * 3000, {"a": 1}, ["x" * 100] * 1000, 2**70, "x" * 10_000, [[]])
    )  # fmt: skip
    return "huggingface", document


@_slow
def renamed(pick: Pick) -> tuple[str, Any]:
    """Two models that share no name, or all shapes."""
    same = pick((True, False))
    return _native(
        [_dense(index) | {"name": f"{'x' if same else index * 7919 % 4001}_{index}"} for index in range(4000)]
    )


def rules(pick: Pick) -> list[dict[str, Any]]:
    """Rules whose globs backtrack, name millions of indices, or are as many as may be."""
    glob = pick(
        (
            "*a" * 400 + "b", "a*" * 499, "?" * 999, "*" * 1000, "[" * 1000, "[!a-" * 200, "[]" * 400, "*[a-z]" * 150,
            "0-" + "9" * 18, ",".join(f"{i}-{10**17 + i}" for i in range(40)), "type:" + "*D" * 400, "last:999999999",
            "all-but-first:3:type:*", "first:1:" + "*a" * 300, "all-but-last:0:0-9", "\x00", "\\" * 1000, "(a+)+$",
            "first:1:last:1:*", "type:", "{a,b}", "a" * 1000,
        )
    )  # fmt: skip
    return [{"match": glob[:1000], "trainable": bool(i % 2)} for i in range(pick((1, 90, 1000, 1001)))]


GOOD: dict[str, tuple[Any, ...]] = {
    "keras": (json.loads((_EXAMPLES / "transfer-learning-keras.json").read_bytes()),),
    "native": (
        {"framework": "torch", "layers": [
            {"type": "Linear", "in_features": 3, "out_features": 4}, {"type": "ReLU"},
            {"type": "Block", "repeat": 3, "layers": [{"type": "LayerNorm", "normalized_shape": [4]}]}]},
        {"framework": "keras", "input_shape": {"a": [4], "b": [4]}, "layers": [
            {"type": "Dense", "name": "x", "units": 2, "inputs": ["a"]},
            {"type": "Dense", "name": "y", "units": 2, "inputs": ["b"]},
            {"type": "Add", "inputs": ["x", "y"]}, {"type": "Dense", "units": 2, "shares": "x", "inputs": ["a"]}]},
    ),
    "safetensors": ({"shards": {"a": FORMATS["safetensors"].example}},),
    "tensors": ({"state_dict": {"w": {"shape": [2, 3], "dtype": "float32"}}},),
    "huggingface": (
        FORMATS["huggingface"].example,
        {"model_type": "bert", "architectures": ["BertForMaskedLM"], "num_hidden_layers": 3},
        {"model_type": "mixtral", "architectures": ["MixtralForCausalLM"], "num_local_experts": 8},
        {"model_type": "qwen2_moe"}, {"model_type": "gpt2"}, {"model_type": "t5"}, {"model_type": "llava"},
        {"model_type": "gemma3_text"}, {"model_type": "jamba"}, {"model_type": "swin"}, {"model_type": "whisper"},
    ),
}  # fmt: skip
TEXTS = (
    (_EXAMPLES / "resnet50-torch.txt").read_text(),
    """\
Net(
  (a): LSTM(8, 8, num_layers=2, batch_first=True, bidirectional=True)
  (b): ModuleList(
    (0-11): 12 x Linear(in_features=8, out_features=8, bias=True)
  )
  (c): Custom(3, x=[1, 2, (3)])
)""",
)


def _archive() -> bytes:
    opened = io.BytesIO()
    with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", json.dumps(FORMATS["keras"].example))
    return opened.getvalue()


def _bomb() -> bytes:
    opened = io.BytesIO()
    with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("config.json", b"[" + b"[]," * (20 * 2**20) + b"1]")
    return opened.getvalue()


def _safetensors() -> bytes:
    header = json.dumps(FORMATS["safetensors"].example).encode()
    return struct.pack("<Q", len(header)) + header


def _gguf(arrays: int) -> bytes:
    """A metadata value that is a list of lists of lists ..."""
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1) + struct.pack("<Q", 1) + b"a" + struct.pack("<I", 9)
    return start + struct.pack("<IQ", 9, 1) * arrays + struct.pack("<IQ", 0, 0)


FILES = {
    "safetensors": (_safetensors(),),
    "gguf": (FORMATS["gguf"].example, _gguf(3), _gguf(50_000)),
    "onnx": (
        FORMATS["onnx"].example,
        b"\x3a\x80\x80\x40" * 9000,
        b"\x3a\x0d\x2a\x0b" + b"\x08\xff\xff\xff\xff\x0f" * 9000,
    ),
    "keras": (_archive(), _bomb(), json.dumps(FORMATS["keras"].example).encode()),
}
