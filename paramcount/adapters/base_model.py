"""The model under an adapter: the facts about its modules beside their names and shapes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from importlib.resources import files
from typing import Any, NamedTuple

import orjson

from paramcount.adapters.modules import Module, guess_kind, is_transposed, mask_indices
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

CUSTOM = "custom"
"""The model_type of a model that is none of transformers (PEFT's DUMMY_MODEL_CONFIG)."""

_KINDS_BY_CLASS = {"NonDynamicallyQuantizableLinear": "Linear"} | {
    kind: kind for kind in ("Linear", "Embedding", "Conv1D", "Conv1d", "Conv2d", "Conv3d", "MultiheadAttention")
}
_PACKED_LINEARS = frozenset(("Linear4bit", "Linear8bitLt"))
_LISTS = frozenset(("ModuleList", "ModuleDict", "ParameterList", "ParameterDict"))


class ClassRecord(NamedTuple):
    """The modules of one class of transformers, as tools/adapters saw them; paths have # for every index."""

    kinds: Mapping[str, list[str]]  # kind -> paths, where the kind is not what guess_kind says
    unseen: list[str]  # paths of modules that no config brought
    shared: list[str]  # paths of modules that are another one
    transposed: list[str]  # paths of experts that are multiplied from the left
    underived_fields: list[str]  # fields of the config of which it is not known what the class makes of them
    input_embedding: str  # paths; empty where there is none
    output_embedding: str
    unlisted_ties: bool = False  # the class has no _tied_weights_keys, and so PEFT sees no tied weights


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The model that an adapter is put into."""

    model_type: str = CUSTOM
    types_are_classes: bool = False  # every layer's type is its class
    config: Mapping[str, Any] = field(default_factory=dict)  # the fields of its config, by dotted path
    aliases: Mapping[str, str] = field(default_factory=dict)  # other names of these fields
    is_recorded: bool = False  # False: its class has no ClassRecord, and all of what follows is empty
    kinds: Mapping[str, str] = field(default_factory=dict)  # path -> kind
    unseen: frozenset[str] = frozenset()
    shared: frozenset[str] = frozenset()
    transposed: frozenset[str] = frozenset()
    underived_fields: frozenset[str] = frozenset()
    input_embedding: str = ""
    output_embedding: str = ""
    unlisted_ties: bool = False

    @property
    def blocks_differ(self) -> bool:
        """True where the kind of some module depends on the index of its block."""
        return any(step.isdigit() for path in self.kinds for step in path.split("."))

    def read_module(self, path: str, layer: Layer) -> Module:
        """Return the module at a path. Of the layer's children, it must hold only those with weights."""
        kind, is_certain = self._find_kind(path, layer)
        kind, _, marks = kind.partition(" ")
        shapes = {tensor.name: tensor.shape for tensor in layer.tensors}
        groups = _count_groups(layer, marks, shapes)
        weight = shapes.get("in_proj_weight" if kind == "MultiheadAttention" else "weight", ())
        return Module(path, kind, weight, "bias" in shapes, groups, "dilated" in marks, is_certain)

    def _find_kind(self, path: str, layer: Layer) -> tuple[str, bool]:
        """Return a module's kind, perhaps with marks ("Conv2d depthwise dilated"), and whether that is certain."""
        if layer.type in _PACKED_LINEARS:  # bitsandbytes' are Linear too; their print does not show the weight
            return "Linear", True
        if self.is_recorded:
            masked = mask_indices(path)
            recorded = self.kinds.get(path) or self.kinds.get(masked)
            return recorded or guess_kind(layer), recorded is not None or masked not in self.unseen
        if self.types_are_classes:
            return "ModuleList" if layer.type in _LISTS else _KINDS_BY_CLASS.get(layer.type, "other"), True
        if is_transposed(layer):
            return "Conv1D", True
        has_bias = any(tensor.name == "bias" for tensor in layer.tensors)
        kind = guess_kind(layer)
        return kind, kind not in ("Linear", "Conv1d", "Conv2d", "Conv3d") or (kind == "Linear" and has_bias)


def _count_groups(layer: Layer, marks: str, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the groups of a convolution; 0 where they are not known."""
    if "grouped" in marks:
        return 0
    return shapes["weight"][0] if "depthwise" in marks else int((layer.config or {}).get("groups", 1))


def read_base_model(document: Document) -> BaseModel:
    """Return what is known of a document's model. Raises InvalidDocument where PEFT could not adapt such a model."""
    if document.framework != "torch" or document.convention != "torch":
        detail = "adapts PyTorch models: a Hugging Face config, a `tensors` document with parameters, or print(model)"
        raise InvalidDocument(detail, "", "unsupported_format")
    class_name, facts = document.root.type, document.read_facts()
    model_type = facts.model_type or _guess_model_type(class_name)
    record = _find_record(model_type, class_name)
    for submodel in facts.submodels:
        record = _replace_submodel(record, submodel.prefix, _find_record(submodel.model_type, submodel.class_name))
    base = BaseModel(model_type or CUSTOM, facts.types_are_classes, facts.config, facts.aliases)
    if record is None:
        return base
    return replace(
        base,
        is_recorded=True,
        kinds={path: kind for kind, paths in record.kinds.items() for path in paths},
        unseen=frozenset(record.unseen),
        shared=frozenset(record.shared),
        transposed=frozenset(record.transposed),
        underived_fields=frozenset(record.underived_fields),
        input_embedding=record.input_embedding,
        output_embedding=record.output_embedding,
        unlisted_ties=record.unlisted_ties,
    )


def _replace_submodel(outer: ClassRecord | None, prefix: str, inner: ClassRecord | None) -> ClassRecord | None:
    """Return a model's record with another's for the paths that begin with `prefix`; None where one is missing."""
    if outer is None or inner is None:
        return None

    def merge(outer_paths: list[str], inner_paths: list[str]) -> list[str]:
        kept = [path for path in outer_paths if not path.startswith(prefix)]
        return kept + [prefix + path for path in inner_paths]

    def choose(outer_path: str, inner_path: str) -> str:
        if not outer_path.startswith(prefix):
            return outer_path
        return prefix + inner_path if inner_path else ""

    kinds = sorted(outer.kinds.keys() | inner.kinds.keys())
    return ClassRecord(
        kinds={kind: merge(outer.kinds.get(kind, []), inner.kinds.get(kind, [])) for kind in kinds},
        unseen=merge(outer.unseen, inner.unseen),
        shared=merge(outer.shared, inner.shared),
        transposed=merge(outer.transposed, inner.transposed),
        underived_fields=merge(outer.underived_fields, inner.underived_fields),
        input_embedding=choose(outer.input_embedding, inner.input_embedding),
        output_embedding=choose(outer.output_embedding, inner.output_embedding),
        unlisted_ties=outer.unlisted_ties,
    )


def _guess_model_type(class_name: str) -> str:
    """Return the model_type that names a class, of several that use it: llama of LlamaForCausalLM; "" for none."""
    model_types = _model_types_by_class().get(class_name, [])
    if len(model_types) == 1:
        return model_types[0]
    lowered = class_name.lower()
    namesakes = [one for one in model_types if lowered.startswith(one.replace("_", "").replace("-", ""))]
    return max(namesakes, key=len, default="")


def _find_record(model_type: str, class_name: str) -> ClassRecord | None:
    record = _load_records().get(f"{model_type}/{class_name}")
    return None if record is None else ClassRecord(**record)


@lru_cache(maxsize=1)
def _load_records() -> dict[str, dict[str, Any] | None]:
    """Load the facts about the classes of transformers, by "model_type/ClassName"; null where none was built."""
    records: dict[str, dict[str, Any] | None] = orjson.loads(
        (files("paramcount.adapters") / "data/kinds.json").read_bytes()
    )
    return records


@lru_cache(maxsize=1)
def _model_types_by_class() -> dict[str, list[str]]:
    model_types: dict[str, list[str]] = {}
    for model_type, _, class_name in (name.partition("/") for name in _load_records()):
        model_types.setdefault(class_name, []).append(model_type)
    return model_types
