"""The folder of an adapter of PEFT: its base model, of the class that the adapter says, and the adapter's config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.detect import detect, read
from paramcount.formats.huggingface.classes import find_classes
from paramcount.formats.named_tensors.checkpoint import count_elements
from paramcount.formats.named_tensors.tree import list_tensors
from paramcount.formats.repository.checkpoints import find_checkpoints, read_checkpoint
from paramcount.formats.repository.folder import Folder, locate_problems
from paramcount.model.document import Document
from paramcount.model.report import ReportWarning

ADAPTER, CONFIG = "adapter_config.json", "config.json"

_HEADS: Mapping[str, tuple[str, ...]] = {
    "CAUSAL_LM": ("ForCausalLM", "LMHeadModel"),
    "SEQ_2_SEQ_LM": ("ForConditionalGeneration", "MTModel"),
    "SEQ_CLS": ("ForSequenceClassification",),
    "TOKEN_CLS": ("ForTokenClassification",),
    "QUESTION_ANS": ("ForQuestionAnswering",),
}
"""The ends of the names of the classes that PEFT's AutoPeftModel loads for a task (peft/auto.py)."""


def is_adapter(root: Folder, base: Any) -> bool:
    """Return whether a folder has an adapter whose base model is known."""
    return ADAPTER in root.files and (base is not None or CONFIG in root.files)


def read_adapter(root: Folder, base: Any) -> Document:
    """Return the document of an adapter's base model, with the adapter's config. Raises Problems."""
    adapter = root.read_object(ADAPTER)
    config = root.read_object(CONFIG) if base is None else base
    class_name = _base_class(config, adapter)
    if class_name:
        config = {**config, "architectures": [class_name]}
    with locate_problems(root.pointer(CONFIG) if base is None else "/base"):
        document = read(config, detect(config))
    if not class_name and _names_head(config, adapter):
        detail = "its adapter is for a model with a head, and the config names no class: counted without a head"
        document = document._replace(
            warnings=(*document.warnings, ReportWarning("base_class", "", detail, exact=False))
        )
    warnings = [*document.warnings, *(_describe_weights(root, each) for each in find_checkpoints(root)[:1])]
    return document._replace(adapter=adapter, warnings=tuple(warnings))


def _base_class(config: Any, adapter: Mapping[str, Any]) -> str:
    """Return the class of a config that names none, as its adapter says; '' where it does not."""
    model_type = config.get("model_type") if isinstance(config, Mapping) else None
    if not isinstance(model_type, str) or config.get("architectures"):
        return ""
    known = find_classes(model_type)
    mapping, task = adapter.get("auto_mapping"), adapter.get("task_type")
    named = mapping.get("base_model_class") if isinstance(mapping, Mapping) else None
    if named in known:
        return str(named)
    heads = _HEADS.get(task, ()) if isinstance(task, str) else ()
    names = [name for name in known if heads and name.endswith(heads)]
    return names[0] if len(names) == 1 else ""


def _names_head(config: Any, adapter: Mapping[str, Any]) -> bool:
    """Return whether an adapter is for another class than the base class of a config that names none."""
    is_named = isinstance(adapter.get("auto_mapping"), Mapping) or adapter.get("task_type") in tuple(_HEADS)
    return is_named and isinstance(config, Mapping) and "model_type" in config and not config.get("architectures")


def _describe_weights(root: Folder, checkpoint: Any) -> ReportWarning:
    tensors = list_tensors(read_checkpoint(root, checkpoint, {}).root)
    detail = f'"{checkpoint.title}" holds {count_elements(tensors.values()):,} elements of the adapter'
    return ReportWarning("adapter_weights", "", detail)
