"""The class that a config is counted as: the one that it names, by this or an older name, or its model type's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from paramcount.formats.huggingface.blueprints import load_index
from paramcount.model.errors import InvalidDocument, UnknownLayer, did_you_mean
from paramcount.model.report import ReportWarning

RENAMED = {
    "BartForMaskedLM": "BartForConditionalGeneration",  # until transformers 2.8
    "T5WithLMHeadModel": "T5ForConditionalGeneration",  # until transformers 2.5
}
"""The older names of classes that transformers renamed and left as they were."""

_LM_HEAD = ("WithLMHeadModel", "ModelWithLMHead", "WithLMHead", "LMHeadModel", "LMHead")
"""The ends of the names that classes with a language model's head had before they were told apart."""

_LM_HEADS_TODAY = (
    "ForConditionalGeneration", "MTModel", "WithLMHeadModel", "ModelWithLMHead", "ForMaskedLM", "LMHeadModel",
    "ForCausalLM",
)  # fmt: skip
"""The ends of their names today, in the order in which AutoModelWithLMHead preferred them (transformers 4.57,
MODEL_WITH_LM_HEAD_MAPPING_NAMES: 76 of the 78 model types that are left)."""

_FRAMEWORKS = ("TF", "Flax")
"""The beginnings of the names that classes had in other frameworks, until transformers 4."""


class Choice(NamedTuple):
    """The class that a config is counted as, and what there is to say about that."""

    model_type: str
    name: str
    warnings: tuple[ReportWarning, ...] = ()


def choose_class(payload: Mapping[str, Any]) -> Choice:
    """The class that a config names, or else the base class of its model type. Raises ArchitectureError."""
    model_type, architectures = payload.get("model_type"), payload.get("architectures")
    if architectures:
        return _choose_architecture(architectures, model_type, payload)
    if model_type is None:
        raise InvalidDocument('names no model: it has neither "architectures" nor a "model_type"', "", "required")
    index = load_index()
    if model_type not in index.bases:
        if payload.get("auto_map"):
            raise _remote_code(model_type)
        detail = f'"{model_type[:100]}" is no model_type that is known{did_you_mean(model_type, index.bases)}'
        raise UnknownLayer(detail, model_type, "/model_type")
    name = index.bases[model_type]
    if not _has_base(model_type):
        raise UnknownLayer(_explain_refusal(name, model_type), name, "/model_type")
    return Choice(model_type, name, (_note("base_class", f"no architectures: counted as {name}, the base class"),))


def choose_base(payload: Mapping[str, Any]) -> Choice | None:
    """transformers' own class of a config's model type, for one of a class that is not transformers'; None for others.

    It is the one with the same head, or else the base class.
    """
    name, model_type = next(iter(payload.get("architectures") or ()), ""), payload.get("model_type") or ""
    index = load_index()
    if not (name or payload.get("auto_map")) or not _has_base(model_type) or name in index.refused:
        return None
    if _find_known(name, model_type) is not None:
        return None
    head = "For" + name.rpartition("For")[2] if "For" in name else ""
    same_head = [known for known in find_classes(model_type) if head and known.endswith(head)]
    base = same_head[0] if len(same_head) == 1 else index.bases[model_type]
    what = "code beside it (auto_map), which is never run" if payload.get("auto_map") else "none of transformers'"
    return Choice(
        model_type, base, (_note("remote_code", f"its class is {what}: counted as {base}, as was asked", False),)
    )


def _choose_architecture(architectures: list[str], model_type: str | None, payload: Mapping[str, Any]) -> Choice:
    """The first of the architectures. Raises ArchitectureError where it is unknown, or not of the model type."""
    name, warnings = _find_class(architectures[0], model_type, payload)
    types = load_index().classes[name]
    if model_type is None and len(types) == 1:
        model_type = types[0]
    if model_type not in types:
        if payload.get("auto_map"):
            raise _remote_code(model_type)
        detail = f"{name} takes a config of model_type {' or '.join(types)}"
        raise InvalidDocument(detail, "/model_type", "unknown_model_type")
    if len(set(architectures)) > 1:
        detail = f"counted as the first of {', '.join(architectures[:10])}"
        warnings = (*warnings, _note("several_architectures", detail))
    return Choice(model_type, name, warnings)


def _find_class(name: str, model_type: str | None, payload: Mapping[str, Any]) -> tuple[str, tuple[ReportWarning, ...]]:
    """transformers' own class of a name, which it prefers to code beside the config. Raises ArchitectureError."""
    if name in load_index().classes and not payload.get("auto_map"):
        return name, ()
    known = _find_known(name, model_type)
    if known is None:
        if payload.get("auto_map") and name not in load_index().refused:
            raise _remote_code(model_type)
        raise UnknownLayer(_explain_refusal(name, model_type), name, "/architectures/0")
    if known.name == name and payload.get("auto_map"):
        detail = f"auto_map names code beside the config, which is never run: counted as transformers' own {name}"
        return name, (_note("remote_code", detail),)
    return known


class _KnownClass(NamedTuple):
    """A class of transformers, and what to say where its name is another than the config's."""

    name: str
    warnings: tuple[ReportWarning, ...] = ()


def _find_known(name: str, model_type: str | None) -> _KnownClass | None:
    """The class of transformers that a name is or was the name of; None where that is not known."""
    classes = load_index().classes
    if name in classes:
        return _KnownClass(name)
    if name in load_index().refused:
        return None
    if current := RENAMED.get(name):
        return _KnownClass(current, (_note("other_name", f"{name} is the older name of {current}, which is counted"),))
    letters = _letters(name)
    for known in find_classes(model_type):
        if _letters(known) == letters:  # older code spelt it otherwise: MPTForCausalLM
            return _KnownClass(known, (_note("other_name", f"{name[:100]} is counted as {known}"),))
    if current := _find_guess(name, model_type):
        detail = f"{name[:100]} is no class of transformers {load_index().version}: counted as {current}"
        return _KnownClass(current, (_note("other_name", detail, exact=False),))
    return None


def _find_guess(name: str, model_type: str | None) -> str:
    """The class that a name stood for in another framework, or before heads were told apart; '' if none."""
    for framework in _FRAMEWORKS:
        if name.startswith(framework) and (torch_name := name.removeprefix(framework)) in find_classes(model_type):
            return torch_name
    if not name.endswith(_LM_HEAD):
        return ""
    classes = find_classes(model_type)
    return next((known for end in _LM_HEADS_TODAY for known in classes if known.endswith(end)), "")


def _letters(name: str) -> str:
    return name.replace("_", "").lower()


def find_classes(model_type: str | None) -> list[str]:
    """The classes that take a config of a model type."""
    return [known for known, types in load_index().classes.items() if model_type in types]


def _has_base(model_type: str | None) -> bool:
    """Return whether transformers' own base class of a model type can be counted."""
    index = load_index()
    return (model_type or "") in index.classes.get(index.bases.get(model_type or "", ""), ())


def _remote_code(model_type: str | None) -> InvalidDocument:
    detail = "the model's class is code beside its config (auto_map), which is never run; "
    if _has_base(model_type):
        detail += "remote_code=base counts transformers' own class of its model_type instead"
    else:
        stated = f'"{model_type[:100]}", its model_type,' if model_type else "a config without a model_type"
        detail += f"{stated} is none of transformers' either: send the header of its safetensors file instead"
    return InvalidDocument(detail, "/auto_map", "remote_code")


def _explain_refusal(name: str, model_type: str | None) -> str:
    """The reason why a class cannot be counted."""
    index = load_index()
    if name in index.refused:
        return f"{name} of transformers {index.version} has no verified blueprint: {index.refused[name]}"
    classes = find_classes(model_type)
    if name in index.classes:
        return (
            f"{name} of transformers {index.version} has no verified blueprint for a config of model_type {model_type}"
        )
    near = did_you_mean(name, classes or index.classes)
    detail = f'"{name[:100]}" is no known class of transformers {index.version}{near}'
    if _has_base(model_type):
        detail += f"; remote_code=base counts transformers' own class of model_type {model_type} instead"
    return detail


def _note(code: str, detail: str, exact: bool = True) -> ReportWarning:
    return ReportWarning(code, "", detail, exact=exact)
