"""Requests as plain data, to be altered: of every format, option, adapter method and layer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from paramcount.adapters.registry import METHODS
from paramcount.schema.registry import FORMATS, LAYERS
from tests.builders import onnx
from tests.builders.adapters import LLAMA, MANIFEST
from tests.builders.gguf import Writer
from tools.cases.layers import cases, is_shape

_EXAMPLES = Path(__file__).parents[2] / "examples"


class Probe(NamedTuple):
    """A request: `data` is its document and, where the format is no JSON, what `WRITERS` write it from."""

    kind: str
    route: str
    data: Any
    query: tuple[tuple[str, str], ...] = ()
    accept: str = "application/json"

    @property
    def url(self) -> str:
        """The path with its query."""
        query = "&".join(f"{name}={quote(value)}" for name, value in self.query)
        return f"/v1/{self.route}?{query}" if query else f"/v1/{self.route}"

    def body(self) -> tuple[str, bytes]:
        """Return the content type and the bytes of the body."""
        media, write = WRITERS.get(self.route, ("application/json", _write_json))
        return media, write(self.data)


def _write_json(data: Any) -> bytes:
    return json.dumps(data, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _write_lines(data: Any) -> bytes:
    return b"\n".join(map(_write_json, data if isinstance(data, list) else [data]))


def _write_printed(data: Any) -> bytes:
    """Return the text of print(model) for [name, class and arguments, children]."""

    def lines(module: Any, indent: str, *, is_root: bool) -> Iterator[str]:
        name, text, *rest = module if isinstance(module, list) and len(module) > 1 else (module, "ReLU()")
        children = rest[0] if rest and isinstance(rest[0], list) else []
        head = f"{indent}{text}" if is_root else f"{indent}({name}): {text}"
        if not children:
            yield head
            return
        yield head.removesuffix("()") + "("
        for child in children:
            yield from lines(child, indent + "  ", is_root=False)
        yield indent + ")"

    return "\n".join(lines(data, "", is_root=True)).encode(errors="replace")


def _write_gguf(data: Any) -> bytes:
    writer = Writer()
    for key, value in data["pairs"]:
        if isinstance(value, int):
            writer.number(str(key), value % 2**32)
        elif isinstance(value, list):
            strings = b"".join(writer.string(str(each)) for each in value)
            writer.pair(str(key), 9, writer.pack("IQ", 8, len(value)) + strings)
        else:
            writer.text(str(key), str(value))
    for name, *dimensions in data["tensors"]:
        writer.tensor(str(name), tuple(int(size) % 2**64 for size in dimensions))
    return writer.bytes()


def _write_onnx(data: Any) -> bytes:
    tensors = [onnx.init(str(name), *map(int, shape)) for name, *shape in data["initializers"]]
    graph = onnx.message(5, onnx.message(1, "g"), onnx.message(6, *tensors))
    nodes = [
        onnx.node(str(operator), *map(str, inputs), attributes=graph if operator == "If" else b"")
        for operator, *inputs in data["nodes"]
    ]
    return onnx.model(*nodes, *tensors)


def _write_bytes(data: Any) -> bytes:
    """Return the bytes that a text stands for, one a character."""
    return str(data).encode("latin-1", "replace")


def _write_file(data: Any) -> bytes:
    header = _write_json(data)
    return len(header).to_bytes(8, "little") + header


WRITERS: dict[str, tuple[str, Callable[[Any], bytes]]] = {
    "batch": ("application/x-ndjson", _write_lines),
    "count/torch": ("text/plain", _write_printed),
    "count/gguf": ("application/octet-stream", _write_gguf),
    "count/onnx": ("application/octet-stream", _write_onnx),
    "count/safetensors": ("application/octet-stream", _write_file),
}
"""The content type and the writer of a route whose body is not one value of JSON."""

_NATIVE_TORCH = {
    "framework": "torch",
    "layers": [
        {"type": "Block", "name": "blocks", "repeat": 4, "layers": [
            {"type": "Linear", "name": "up", "in_features": 8, "out_features": 32},
            {"type": "Linear", "name": "down", "in_features": 32, "out_features": 8},
        ]},
        {"type": "Conv2d", "name": "conv", "in_channels": 4, "out_channels": 8, "kernel_size": [3, 3]},
        {"type": "Embedding", "name": "emb", "num_embeddings": 10, "embedding_dim": 8},
        {"type": "LSTM", "name": "lstm", "input_size": 3, "hidden_size": 4, "num_layers": 2},
        {"type": "Linear", "name": "tied", "in_features": 8, "out_features": 32, "shares": "blocks.up"},
    ],
}  # fmt: skip

_PRINTED = [
    "", "Net()", [
        ["stem", "Conv2d(3, 8, kernel_size=(3, 3), stride=(1, 1))"],
        ["blocks", "ModuleList()", [
            ["0-3", "4 x Block()", [["q", "Linear(in_features=8, out_features=8, bias=True)"]]],
        ]],
        ["norm", "BatchNorm1d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)"],
        ["lstm", "LSTM(8, 8, num_layers=2)"],
    ],
]  # fmt: skip

_OPTIONS: tuple[tuple[str, str], ...] = (
    ("detail", "tensors"), ("detail", "totals"), ("views", "true"), ("unknown", "report"), ("optimizer", "adam"),
    ("freeze", "*.0.*"), ("train", "*1*"), ("freeze", "type:*a*b*"), ("freeze", "0-99999.*"), ("train", "first:3"),
    ("freeze", ".".join(["*"] * 40)), ("freeze", "a,b,1-5,7." * 20 + "x"), ("depth", "1"),
)  # fmt: skip
_ACCEPTS = ("text/plain", "text/markdown", "text/csv", "image/svg+xml", "text/html")

_ADAPTER_ARGUMENTS: dict[str, dict[str, Any]] = {
    "LORA": {"rank_pattern": {"q": 4}, "layers_to_transform": [0, 1], "layer_replication": [[0, 2], [1, 3]],
             "target_parameters": ["up.weight"], "trainable_token_indices": [0, 1], "modules_to_save": ["head"]},
    "PREFIX_TUNING": {"num_virtual_tokens": 4}, "PROMPT_TUNING": {"num_virtual_tokens": 4},
    "P_TUNING": {"num_virtual_tokens": 4, "encoder_hidden_size": 8},
    "ADAPTION_PROMPT": {"adapter_len": 4, "adapter_layers": 2},
    "TRAINABLE_TOKENS": {"token_indices": [1, 2]}, "OFT": {"oft_block_size": 4, "r": 0},
    "IA3": {"feedforward_modules": ["up"]},
}  # fmt: skip
_TARGETS: tuple[Any, ...] = (
    ["q", "up", "down", "q_proj", "conv", "emb"], ".*q.*", r".*\.(?:q|up)(?!x)", r"(a|b|ab)*q", "all-linear",
)  # fmt: skip


def seeds() -> Iterator[Probe]:
    """Yield a small request of each kind."""
    for name, document_format in FORMATS.items():
        route, example = f"count/{name}", deepcopy(document_format.example)
        if isinstance(example, bytes):
            WRITERS.setdefault(route, ("application/octet-stream", _write_bytes))
        if route not in WRITERS or name == "safetensors":
            yield Probe(name, route, example)
        elif WRITERS[route][1] is _write_bytes:
            yield Probe(name, route, example.decode("latin-1"))
    yield Probe("torch text", "count/torch", _PRINTED)
    yield Probe("torch in JSON", "count", {"architecture": _write_printed(_PRINTED).decode(), "format": "torch"})
    yield Probe("gguf", "count/gguf", {
        "pairs": [["general.architecture", "llama"], ["llama.block_count", 2], ["words", ["a", "b"]]],
        "tensors": [["token_embd.weight", 64, 3], ["blk.0.w", 32, 2], ["blk.1.w", 32, 2]],
    })  # fmt: skip
    yield Probe("onnx", "count/onnx", {
        "nodes": [["Add", "w", "w"], ["If", "c"], ["MatMul", "x", "h.0.w"], ["QuantizeLinear", "w", "s"]],
        "initializers": [["w", 3], ["h.0.w", 3, 4], ["h.1.w", 3, 4], ["s", 1]],
    })  # fmt: skip
    yield Probe("manifest", "count/tensors", MANIFEST)
    yield Probe("native torch", "count/native", _NATIVE_TORCH)
    yield Probe("keras graph", "count/keras", _read_keras_graph())
    yield Probe(
        "batch", "batch", [{"id": 1, "architecture": _NATIVE_TORCH}, {"architecture": FORMATS["keras"].example}]
    )
    sides = {"before": {"architecture": _NATIVE_TORCH}, "after": {"architecture": _NATIVE_TORCH}}
    yield Probe("compare", "compare", sides)
    yield Probe("export", "export/mlflow", {"architecture": _NATIVE_TORCH})
    for name in METHODS:
        for number, targets in enumerate(_TARGETS):
            adapter = {"peft_type": name, **_ADAPTER_ARGUMENTS.get(name, {})}
            if METHODS[name].kinds:
                adapter |= {"target_modules": targets}
            base = (_NATIVE_TORCH, LLAMA, MANIFEST)[number % 3]
            yield Probe(f"adapter {name}", "count", {"architecture": base, "adapter": adapter})
    for framework in ("keras", "torch"):
        yield from _layers(framework)


def _layers(framework: str) -> Iterator[Probe]:
    """Yield a document of each layer type, with the arguments of a case in which it has the most."""
    by_type: dict[str, Any] = {}
    for case in cases(framework):
        is_simple = not case.error and all(map(is_shape, case.inputs)) and len(case.inputs) < 2
        if is_simple and len(case.config) >= len(by_type[case.type].config if case.type in by_type else ""):
            by_type[case.type] = case
    for name in LAYERS:
        if name in by_type:
            case = by_type[name]
            shape = {"input_shape": case.inputs[0][1:]} if case.inputs and len(case.inputs[0]) > 1 else {}
            layer = {"type": name.partition(".")[2], "name": "it", **case.config}
            yield Probe(f"layer {name}", "count/native", {"framework": framework, **shape, "layers": [layer]})


def _read_keras_graph() -> Any:
    """Return the first layers of a Keras model whose layers are wired."""
    model = json.loads((_EXAMPLES / "resnet50-keras.json").read_bytes())
    config = model["config"]
    config["layers"] = config["layers"][:6]
    config["output_layers"] = [[config["layers"][-1]["name"], 0, 0]]
    return model


def with_options(probe: Probe) -> Iterator[Probe]:
    """Yield a request with each option and in each media type."""
    if probe.route.startswith("count"):
        for option in _OPTIONS:
            yield probe._replace(query=(*probe.query, option))
        for accept in _ACCEPTS:
            yield probe._replace(accept=accept)
