"""One run of a class: plain, as the oracle, or on symbolic values, as what there is to learn from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import huggingface_hub.dataclasses
from transformers.configuration_utils import PreTrainedConfig

from tools.blueprints import raw
from tools.blueprints.framework import limit, part_for, torch
from tools.blueprints.inside import Inside, keep_outside, unrecorded
from tools.blueprints.phases import BuiltTensor, Fact, Phase, Run
from tools.blueprints.raw import LABELS, Fields, Flat
from tools.blueprints.shims import UNSEEN, Shapes, patch_modules
from tools.blueprints.symbolic import (
    CURRENT,
    SymbolicFlag,
    SymbolicFloat,
    SymbolicInt,
    SymbolicList,
    SymbolicText,
    Trace,
    plain,
    symbolic,
)  # fmt: skip
from tools.blueprints.terms import Term

_DTYPES = {torch.int64: "I64", torch.int32: "I32", torch.bool: "BOOL", torch.float32: "F32", torch.float64: "F64",
           torch.uint8: "U8", torch.int8: "I8", torch.bfloat16: "BF16",
           torch.float16: "F16", torch.complex64: "C64"}  # fmt: skip


_RUN_SECONDS = 20
_attribute = PreTrainedConfig.__getattribute__
_validate_type = huggingface_hub.dataclasses.type_validator


def _track(self: Any, name: str) -> Any:
    """Attributes of a config, their reads recorded."""
    if not CURRENT.on or name[0] == "_":
        return _attribute(self, name)
    prefix = object.__getattribute__(self, "__dict__").get("_prefix")
    try:
        value = _attribute(self, name)
    except AttributeError:
        if prefix is not None and name not in UNSEEN:
            CURRENT.trace.reads.add((prefix + name, True))
            CURRENT.trace.missing.add(prefix + name)
        raise
    if prefix is not None:
        if name == LABELS and value == object.__getattribute__(self, "__dict__").get("_labels"):
            return SymbolicInt(value, ("f", prefix + LABELS))
        real = _attribute(self, "attribute_map").get(name, name)
        if real in object.__getattribute__(self, "__dict__"):
            CURRENT.trace.reads.add((prefix + real, value is None))
    return value


def _skip_while_tracking(*args: Any) -> Any:
    """Symbolic values are of no type that a field declares."""
    return None if CURRENT.on else _validate_type(*args)


PreTrainedConfig.__getattribute__ = _track
huggingface_hub.dataclasses.type_validator = _skip_while_tracking


def observe(model: Any) -> dict[str, BuiltTensor]:
    """Every parameter and every saved buffer of a model, by name."""
    owners: dict[int, str] = {}
    tensors = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        tensors[name] = BuiltTensor(
            tuple(parameter.shape), owners.get(id(parameter), ""), not parameter.requires_grad, ""
        )
        owners.setdefault(id(parameter), name)
    saved = _find_saved(model)
    for name, buffer in model.named_buffers(remove_duplicate=False):
        if name in saved and id(buffer) not in owners and name not in tensors:
            tensors[name] = BuiltTensor(tuple(buffer.shape), "", False, _DTYPES.get(buffer.dtype, "F32"))
    return tensors


def _find_saved(model: Any) -> set[str]:
    return {
        f"{prefix}.{name}" if prefix else name
        for prefix, module in model.named_modules(remove_duplicate=False)
        for name in module._buffers  # noqa: SLF001
        if name not in module._non_persistent_buffers_set  # noqa: SLF001
    }


def build(config_cls: Any, model_cls: Any, payload: Mapping[str, Any], seconds: int = 20) -> dict[str, BuiltTensor]:
    """Return what the framework itself builds from a config.json."""
    with limit(seconds):
        config = config_cls.from_dict(raw.decode(json.loads(json.dumps(payload))))
        with torch.device("meta"):
            return observe(model_cls(part_for(model_cls, config)))


def run(
    config_cls: Any, model_cls: Any, fields: Fields, changes: Flat, flags: bool = True, inside: Sequence[Inside] = ()
) -> Run:
    """The class built on symbolic values, without what the models inside hold. Raises whatever it raises."""
    flat = raw.effective(fields, changes)
    explicit = {path for path, value in changes.items() if value is None}
    with limit(_RUN_SECONDS):
        patch_modules()
        CURRENT.trace = Trace()
        CURRENT.on = True
        try:
            config = config_cls(**raw.arguments(config_cls, flat, explicit, flags))
            first = Phase({path: plain(value) for path, value in flat.items()}, trace=CURRENT.trace)
            result = Run(dict(changes), first, Phase({}))
            CURRENT.trace = Trace()
            _note_attributes(config, "", result, flags, fields)
            result.model.env = {**first.env, **result.model.env}
            result.model.trace = CURRENT.trace
            with torch.device("meta"), Shapes(), unrecorded(inside):
                model = model_cls(part_for(model_cls, config))
        finally:
            CURRENT.on = False
    trace = result.model.trace
    trace.reads = {(fields.declared_name(path), null) for path, null in trace.reads}
    for name, what in keep_outside(observe(model), inside).items():
        result.model.facts[name] = Fact(what.shape, what[1:], _terms(model, name, what.shape))
    for path, value in result.model.trace.fallbacks.items():
        if result.model.env.get(path) is None:
            result.model.env[path] = value
            first.env.setdefault(path, None)
    return result


def _terms(model: Any, name: str, shape: tuple[int, ...]) -> tuple[Term, ...]:
    owner, _, leaf = name.rpartition(".")
    tensor = getattr(model.get_submodule(owner), leaf)
    symbols = getattr(tensor, "symbolic_shape", None)
    if symbols is None or len(symbols) != len(shape) or any(int(a) != b for a, b in zip(symbols, shape, strict=True)):
        symbols = shape
    return tuple(item.term if isinstance(item, SymbolicInt) else ("?", int(item)) for item in symbols)


def _note_attributes(config: Any, prefix: str, result: Run, flags: bool, fields: Fields) -> None:
    """Note what each attribute came to be; from here on it is a field of its own."""
    members = object.__getattribute__(config, "__dict__")
    labels = members.get("id2label")
    result.model.env[prefix + LABELS] = None if labels is None else len(labels)
    result.config.env[prefix + LABELS] = result.model.env[prefix + LABELS]
    for name, value in list(members.items()):
        path = fields.declared_name(prefix + name)
        if not raw.matters(name):
            continue
        if isinstance(value, PreTrainedConfig):
            _note_attributes(value, f"{path}.", result, flags, fields)
            result.model.env[path] = raw.PART + (value.model_type or "")
        elif isinstance(value, dict):
            for key, item in value.items():
                if isinstance(item, int | float | str | bool) or item is None:
                    result.model.env[f"{path}.{key}"] = plain(item)
        elif not isinstance(value, torch.dtype):
            result.model.env[path] = plain(value)
            _note(path, value, result, flags)
            members[name] = symbolic(_bare(value), path, flags)
    members["_prefix"], members["_labels"] = prefix, result.model.env[prefix + LABELS]


def _bare(value: Any) -> Any:
    """A value that forgets where it came from, of the same type."""
    if isinstance(value, tuple):
        return tuple(plain(value))
    return plain(value)


def _note(path: str, value: Any, result: Run, flags: bool) -> None:
    facts = result.config.facts
    if value is None:
        if result.config.env.get(path) is None:
            result.same.add(path)
        return
    if _same(value, path) or (path in result.config.env and _is_unchanged(value, path, result, flags)):
        result.same.add(path)
    if isinstance(value, list | tuple):
        length = ("len", path) if path in result.same else _length(value)
        facts[f"{path}[]"] = Fact((len(value),), ("", False, ""), (length,))
        for index, item in enumerate(value):
            if not isinstance(item, list | tuple | dict):
                facts[f"{path}[.{index}"] = Fact((plain(item),), ("", False, ""), (_term(item),))
    elif not isinstance(value, dict):
        facts[path] = Fact((plain(value),), ("", False, ""), (_term(value),))


def _length(items: list[Any] | tuple[Any, ...]) -> Term:
    """Return how long a list is that was split from a string."""
    terms = [_term(item) for item in items]
    if all(term[:3] == ("spl", *terms[0][1:3]) and term[3] == index for index, term in enumerate(terms)) and terms:
        return ("nspl", *terms[0][1:3])
    return ("?", len(items))


def _is_unchanged(value: Any, path: str, result: Run, flags: bool) -> bool:
    """A bool that was not symbolic, or a list of lists, that is still what the field was."""
    if (
        (isinstance(value, bool) and flags)
        or not isinstance(value, bool | list | tuple)
        or isinstance(value, SymbolicList)
    ):
        return False
    return bool(plain(value) == result.config.env[path])


def _same(value: Any, path: str) -> bool:
    if isinstance(value, SymbolicList):
        return value.path == path
    if isinstance(value, list | tuple):
        return bool(value) and all(_term(item) == ("idx", path, ("i", index)) for index, item in enumerate(value))
    return _term(value) == ("f", path)


def _term(value: Any) -> Term:
    if isinstance(value, SymbolicInt | SymbolicFloat | SymbolicFlag | SymbolicText):
        return value.term
    if isinstance(value, bool | str):
        return ("c", value)
    return ("?", value)
