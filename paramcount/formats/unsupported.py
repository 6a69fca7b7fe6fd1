"""Documents of no format that people send all the same: what each is, and what to send instead."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from paramcount.formats.partial_file import PartialFile
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import Bytes

_START = 4096
"""The characters or bytes of a document that are looked at."""

_KERAS_JSON = 'type print(model.to_json(), file=open("model.json", "w")), and count model.json'
_TORCH_TEXT = 'type print(model, file=open("model.txt", "w")), and count model.txt'
_TORCH_TENSORS = (
    "load the model with its framework, type import json, paramcount; "
    'json.dump(paramcount.describe(model), open("model.json", "w")), and count model.json'
)
_IN_A_MODEL = '{"framework": "keras" or "torch", "input_shape": [...], "layers": [...]}'
_NOTHING_IS_FETCHED = "nothing is fetched: send the model's config.json, or the header of its safetensors file"


class Unsupported(NamedTuple):
    """A kind of document: a test of its text, bytes or value, what it is, and what to send instead."""

    matches: Callable[[Any], object]
    name: str
    instead: str


_TEXTS = [
    Unsupported(lambda text: not text.strip(), "is empty", "send a document"),
    Unsupported(re.compile(r"[\s\S]*Layer \(type:depth-idx").match, "is the table of torchinfo", _TORCH_TEXT),
    Unsupported(re.compile(r"[\s\S]*Tr\. Param #").match, "is the table of pytorch_model_summary", _TORCH_TEXT),
    Unsupported(
        re.compile(r"-{20,}\s*Layer \(type\) +Output Shape +Param #").match, "is the table of torchsummary", _TORCH_TEXT
    ),
    Unsupported(
        re.compile(r"[\s\S]*Layer \(type\)[^\n]*Output Shape[^\n]*Param #").match,
        "is the table of Keras' model.summary(), which leaves out what layers are made of",
        _KERAS_JSON,
    ),
    Unsupported(
        re.compile(r"(?: *\|)? *Name +\| Type +\| Params").search,
        "is the table of Lightning's ModelSummary",
        _TORCH_TEXT,
    ),
    Unsupported(
        re.compile(r"\| (?:name|module) +\| #(?:elements|parameters)").match, "is a table of fvcore", _TORCH_TEXT
    ),
    Unsupported(
        re.compile(r"trainable params: [\d,]+ \|\| all params: ").match,
        "is what print_trainable_parameters() writes",
        'send its base model as "architecture" and its adapter_config.json as "adapter"',
    ),
    Unsupported(re.compile(r"(?:---\s+)?(?:backend|class_name|config|keras_version): ?").match, "is YAML", _KERAS_JSON),
    Unsupported(
        re.compile(r"<(?!bound method )[\w.]+ (?:object|at 0x)[^<>\n]*>\s*\Z|<function [^<>\n]*>\s*\Z").match,
        "is what Python writes of an object, which does not say what is in it",
        f"for PyTorch, {_TORCH_TEXT}; for Keras, {_KERAS_JSON}",
    ),
    Unsupported(re.compile(r"\s*<(?:!doctype|html)", re.IGNORECASE).match, "is a web page", "send the file itself"),
    Unsupported(
        re.compile("version https://git-lfs").match,
        "is a pointer of git LFS, not the file",
        "git lfs pull brings the file",
    ),
    Unsupported(re.compile(r"(?:OrderedDict\(|\{)[\s\S]*tensor\(").match, "is a printed state_dict", _TORCH_TENSORS),
    Unsupported(
        re.compile(r"^(?:import|from) (?:torch|keras|tensorflow)\b|^class \w+\(.*Module\):", re.MULTILINE).search,
        "is the source of a model",
        f"make the model; for PyTorch, {_TORCH_TEXT}; for Keras, {_KERAS_JSON}",
    ),
    Unsupported(re.compile(r"(?:https?|hf|s3|gs)://\S+\s*\Z").match, "is an address", _NOTHING_IS_FETCHED),
    Unsupported(
        re.compile(r"(?=[\s\S]{0,200}\Z)(?:[\w.-]+/[\w.-]+|[\w.]+(?:-[\w.]+)+|(?=\D+\d)[a-z][a-z0-9_]+)\s*\Z").match,
        "looks like the name of a model",
        _NOTHING_IS_FETCHED,
    ),
]


def _starts(*starts: bytes) -> Callable[[bytes], bool]:
    return lambda start: start.startswith(starts)


_FILES = [
    Unsupported(lambda start: not start, "is empty", "send a document"),
    Unsupported(
        _starts(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"%PDF"),
        "is a picture or a PDF",
        "send the model's own file or JSON",
    ),
    Unsupported(
        _starts(b"\x1f\x8b"), "is compressed by gzip", "state the header Content-Encoding: gzip, or send it inflated"
    ),
    Unsupported(
        lambda start: (
            start.startswith((b"\x28\xb5\x2f\xfd", b"\xfd7zXZ", b"BZh"))
            or (file_kind(start) == "tar" and b"model_config.yaml" not in start and b"model_weights" not in start)
        ),
        "is an archive",
        "send what is in it",
    ),
    Unsupported(
        lambda start: start.startswith(b"\x93NUMPY") or (start.startswith(b"PK") and b".npy" in start),
        "is an array of numpy",
        "send the names and shapes of all arrays as the format tensors",
    ),
    Unsupported(lambda start: start[4:8] == b"TFL3", "is a model of TensorFlow Lite", _KERAS_JSON),
]

_CONFIG_FIELDS = frozenset(
    ("hidden_size", "num_hidden_layers", "num_attention_heads", "vocab_size", "d_model", "n_layer", "n_head", "n_embd")
)


def _is_list_of_layers(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else None
    return isinstance(first, Mapping) and ("class_name" in first or "type" in first)


def _is_shape(value: Any) -> bool:
    """Say whether a value is a shape, as a list or within an object that has nothing else."""
    shape = value.get("shape") if isinstance(value, Mapping) and value.keys() <= {"shape", "dtype"} else value
    return isinstance(shape, list) and all(type(size) is int for size in shape)


def _has(*names: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, Mapping) and all(name in value for name in names)


_VALUES = [
    Unsupported(
        lambda value: isinstance(value, Mapping) and "class_name" not in value and _holds_keras_layers(value),
        "is what get_config() returns, which does not say of which class it is",
        _KERAS_JSON,
    ),
    Unsupported(
        lambda value: _is_list_of_layers(value) and "path" in value[0],
        "is the modules.json of sentence-transformers",
        'send {"modules.json": this, "config.json": ..., "1_Pooling/config.json": ...}: the files by their paths',
    ),
    Unsupported(
        _is_list_of_layers,
        "is a list of layers",
        f"send {_IN_A_MODEL}; or, of a Keras model, {_KERAS_JSON}",
    ),
    Unsupported(
        lambda value: isinstance(value, Mapping) and isinstance(value.get("type"), str) and "layers" not in value,
        "is one layer",
        f"send {_IN_A_MODEL}",
    ),
    Unsupported(
        _has("weight_map"),
        "is the index of a checkpoint, which has no shapes",
        'send {"index": ..., "shards": {file: header}}, or give the folder to paramcount count',
    ),
    Unsupported(
        lambda value: _has("peft_type")(value) and "model_type" not in value,
        "is the config of an adapter",
        'send its base model as "architecture" and this as "adapter"',
    ),
    Unsupported(
        lambda value: _has("truncation", "model")(value) or _has("tokenizer_class")(value),
        "is the file of a tokenizer",
        "send the model's config.json",
    ),
    Unsupported(
        lambda value: any(
            _has(name)(value) and "model_type" not in value
            for name in ("feature_extractor_type", "image_processor_type", "processor_class", "_from_model_config")
        ),
        "is the file of a processor or of generation",
        "send the model's config.json",
    ),
    Unsupported(
        lambda value: (
            isinstance(value, Mapping) and any("." in name for name in value) and all(map(_is_shape, value.values()))
        ),
        "is an object of names and shapes",
        'send {"parameters": {name: {"shape": [...]}}}, the format tensors',
    ),
    Unsupported(
        lambda value: (
            isinstance(value, Mapping)
            and value.get("model_type") is None
            and "architectures" not in value
            and len(_CONFIG_FIELDS & value.keys()) > 1
        ),
        "looks like a config of transformers without its model_type",
        'add "model_type": "bert", or "architectures": ["BertModel"]',
    ),
    Unsupported(lambda value: value == {} or value == [], "is empty", "send a document"),
    Unsupported(
        lambda value: value is None or isinstance(value, (bool, int, float)), "describes no model", "send a document"
    ),
]


def _holds_keras_layers(value: Mapping[str, Any]) -> bool:
    layers: Any = value.get("layers")
    is_of_keras = _is_list_of_layers(layers) and "class_name" in layers[0]
    return is_of_keras or ("input_layers" in value and "output_layers" in value)


def explain_document(value: Any) -> str:
    """Return what a document of no format is, and what to send instead; '' where that is not known."""
    kinds = _TEXTS if isinstance(value, str) else _FILES if isinstance(value, Bytes) else _VALUES
    start: Any = value
    if isinstance(value, PartialFile):
        start = value.head(_START)
        if not start and value.size:
            return ""
    elif isinstance(value, (str, *Bytes)):
        start = value[:_START] if isinstance(value, str) else bytes(value[:_START])
    return next((f"{kind.name}: {kind.instead}" for kind in kinds if kind.matches(start)), "")
