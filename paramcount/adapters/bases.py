"""The model under an adapter: what is known of it beside its names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson

from paramcount.adapters.modules import Module, guessed, template, transposed
from paramcount.formats.huggingface.blueprints import load_blueprint, load_index
from paramcount.formats.huggingface.configs import resolve_fields
from paramcount.formats.huggingface.submodels import find_submodels, fit_blueprint
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

Record = Mapping[str, Any]
"""What is known of the modules of a class."""

CUSTOM = "custom"
"""The model_type of what is no transformers model (PEFT's DUMMY_MODEL_CONFIG)."""

_PRINTED = {"NonDynamicallyQuantizableLinear": "Linear"} | {
    kind: kind for kind in ("Linear", "Embedding", "Conv1D", "Conv1d", "Conv2d", "Conv3d", "MultiheadAttention")
}
_PACKED = frozenset(("Linear4bit", "Linear8bitLt"))
_LISTS = frozenset(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"))


@dataclass(frozen=True, slots=True)
class Base:
    """A model that is adapted."""

    model_type: str = CUSTOM
    input: str = ""  # the path of its input embedding, where it is known
    output: str = ""  # of what get_output_embeddings returns
    known: bool = False  # whether the class is one of transformers whose modules are known
    printed: bool = False  # whether every layer has its class
    kinds: Mapping[str, str] = field(default_factory=dict)  # by path or template, where they are not as guessed
    unseen: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    transposed: frozenset[str] = frozenset()
    config: Mapping[str, Any] = field(default_factory=dict)  # its config, by dotted path
    aliases: Mapping[str, str] = field(default_factory=dict)  # other names of the config's fields
    unlike: frozenset[str] = frozenset()  # fields of which it is not known what the class makes of them

    @property
    def told_apart(self) -> bool:
        """Whether some blocks' copies differ in kind."""
        return any(any(map(str.isdigit, path.split("."))) for path in self.kinds)

    def module(self, path: str, layer: Layer) -> Module:
        """The module at a path; `layer` has its tensors, and of its children those that hold any."""
        kind, certain = self._kind(path, layer)
        kind, _, marks = kind.partition(" ")
        shapes = {tensor.name: tensor.shape for tensor in layer.tensors}
        groups = _groups(layer, marks, shapes)
        weight = shapes.get("in_proj_weight" if kind == "MultiheadAttention" else "weight", ())
        return Module(path, kind, weight, "bias" in shapes, groups, "dilated" in marks, certain)

    def _kind(self, path: str, layer: Layer) -> tuple[str, bool]:
        if layer.type in _PACKED:  # bitsandbytes' are Linear too; what they print tells nothing of their weight
            return "Linear", True
        if self.known:
            pattern = template(path)
            found = self.kinds.get(path) or self.kinds.get(pattern)
            return found or guessed(layer), found is not None or pattern not in self.unseen
        if self.printed:
            return "ModuleList" if layer.type in _LISTS else _PRINTED.get(layer.type, "other"), True
        if transposed(layer):
            return "Conv1D", True
        biased = any(tensor.name == "bias" for tensor in layer.tensors)
        kind = guessed(layer)
        return kind, kind not in ("Linear", "Conv1d", "Conv2d", "Conv3d") or (kind == "Linear" and biased)


def _groups(layer: Layer, marks: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Of a convolution; 0: not known."""
    stated = (layer.config or {}).get("groups", 1)
    if "grouped" in marks:
        return 0
    return shapes["weight"][0] if "depthwise" in marks else int(stated)


def base_of(document: Document, payload: Any, form: str) -> Base:
    """What is known of a document's model. Raises InvalidDocument where PEFT could not adapt such a thing."""
    if document.framework != "torch" or document.convention != "torch":
        detail = "adapts PyTorch models: a Hugging Face config, a `tensors` document with parameters, or print(model)"
        raise InvalidDocument(detail, "", "unsupported_format")
    name = document.root.type
    types = load_index().classes.get(name, [])
    stated = payload.get("model_type") if form == "huggingface" else None
    model_type = stated if stated in types else _own_type(name, types)
    printed = form in ("torch", "native")
    record = _records().get(f"{model_type}/{name}")
    config: Mapping[str, Any] = {}
    aliases: Mapping[str, str] = {}
    if form == "huggingface":
        own = load_blueprint(model_type, name)
        for path, kind in find_submodels(payload, own):
            slot = own.submodel_slots[path]
            record = _put(record, slot.prefix, _records().get(f"{kind}/{slot.accepts[kind]}"))
        found = fit_blueprint(own, payload)
        config, aliases = resolve_fields(payload, found), found.family.aliases
    if record is None:
        return Base(model_type or CUSTOM, printed=printed, config=config, aliases=aliases)
    return Base(
        model_type,
        record["input"],
        record["output"],
        True,
        printed,
        {path: kind for kind, paths in record["kinds"].items() for path in paths},
        frozenset(record["unseen"]),
        frozenset(record["shared"]),
        frozenset(record["transposed"]),
        config,
        aliases,
        frozenset(record["unlike"]),
    )


def _put(record: Record | None, at: str, inner: Record | None) -> Record | None:
    """What is known of a model with another for what stands at `at` in it; nothing where one of them is not known."""
    if record is None or inner is None:
        return None

    def put(own: list[str], others: list[str]) -> list[str]:
        return [*(path for path in own if not path.startswith(at)), *(at + path for path in others)]

    kinds = record["kinds"].keys() | inner["kinds"].keys()
    ends = {
        end: (inner[end] and at + inner[end]) if record[end].startswith(at) else record[end]
        for end in ("input", "output")
    }
    return {
        "kinds": {kind: put(record["kinds"].get(kind, []), inner["kinds"].get(kind, [])) for kind in sorted(kinds)},
        **{name: put(record[name], inner[name]) for name in ("unseen", "shared", "transposed", "unlike")},
        **ends,
    }


def _own_type(name: str, types: list[str]) -> str:
    """The model_type that a class is named by, of several: LlamaForCausalLM is llama's, though others use it too."""
    if len(types) == 1:
        return types[0]
    namesakes = [kind for kind in types if name.lower().startswith(kind.replace("_", "").replace("-", ""))]
    return max(namesakes, key=len, default="")


@lru_cache(maxsize=1)
def _records() -> dict[str, Record | None]:
    found: dict[str, Record | None] = orjson.loads((files("paramcount.adapters") / "data/kinds.json").read_bytes())
    return found
