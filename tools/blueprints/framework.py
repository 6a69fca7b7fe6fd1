"""The framework as the compiler runs it: quiet, offline, without initialising weights; and its classes."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from tools import operators  # noqa: F401
from tools.blueprints.library import LIBRARY

os.environ.update(TRANSFORMERS_VERBOSITY="critical", HF_HUB_OFFLINE="1")
warnings.filterwarnings("ignore")

import torch  # noqa: E402
import transformers  # noqa: E402
from transformers import GenerationConfig, PreTrainedModel  # noqa: E402
from transformers.models.auto import configuration_auto, modeling_auto  # noqa: E402

torch.set_num_threads(1)
logging.disable(logging.CRITICAL)
VERSION = str(transformers.__version__)
CONFIG_TYPES = frozenset(configuration_auto.CONFIG_MAPPING_NAMES)
__all__ = [
    "LIBRARY",
    "VERSION",
    "base_classes",
    "config_class",
    "limit",
    "model_class",
    "pairs",
    "part_for",
    "torch",
    "unreachable_classes",
]


def _leave(tensor: Any = None, *_: Any, **named: Any) -> Any:
    return named.get("tensor", tensor)


def _no_reset(_: Any) -> None:
    return None


for _name in dir(torch.nn.init):
    if _name.endswith("_") and not _name.startswith("_"):
        setattr(torch.nn.init, _name, _leave)
for _name in ("Linear", "Embedding", "LayerNorm", "Bilinear"):
    getattr(torch.nn, _name).reset_parameters = _no_reset
torch.nn.modules.conv._ConvNd.reset_parameters = _no_reset  # noqa: SLF001
_GENERATION = GenerationConfig()
GenerationConfig.from_model_config = classmethod(lambda *_, **__: _GENERATION)
PreTrainedModel.init_parallel_plans = _no_reset


class TookTooLong(Exception):
    """A model or a config was not built in time."""


def _ring(*_: Any) -> None:
    raise TookTooLong


@contextmanager
def limit(seconds: int) -> Iterator[None]:
    """Raise TookTooLong when the block takes more of this process's own time."""
    signal.signal(signal.SIGPROF, _ring)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def pairs() -> list[tuple[str, str]]:
    """Every (model_type, class) of the auto mappings, base classes first in each mapping's order."""
    known: dict[tuple[str, str], None] = {}
    names = sorted(
        (n for n in dir(modeling_auto) if n.startswith("MODEL_") and n.endswith("MAPPING_NAMES")), key=_order
    )
    for name in names:
        for model_type, classes in getattr(modeling_auto, name).items():
            for one in classes if isinstance(classes, tuple | list) else (classes,):
                if one:
                    known[model_type, one] = None
    known.update(dict.fromkeys(_OF_PARTS))
    mapped = {one for _, one in known}
    known.update(dict.fromkeys(pair for pair in _exported() if pair[1] not in mapped))
    return sorted(known, key=_priority)


@cache
def _exported() -> tuple[tuple[str, str], ...]:
    """Every (model_type, class) that transformers exports and whose config a model_type stands for, mapped or not."""
    return tuple((cls.config_class.model_type, one) for one, cls in _models() if _is_concrete(cls) and _has_type(cls))


def unreachable_classes() -> dict[str, str]:
    """The classes that transformers exports and no pair has, each with the reason. Base classes are left out."""
    known = {one for _, one in pairs()}
    reason = "its config has no model_type of its own"
    return {one: reason for one, cls in _models() if one not in known and _is_concrete(cls)}


@cache
def _models() -> tuple[tuple[str, Any], ...]:
    """Every model class that transformers exports, by name."""
    exported = ((one, getattr(transformers, one)) for one in dir(transformers) if not one.startswith("_"))
    return tuple((one, cls) for one, cls in exported if isinstance(cls, type) and issubclass(cls, PreTrainedModel))


def _is_concrete(cls: Any) -> bool:
    """Return whether a class builds something itself: the base class of a family leaves that to others."""
    if PreTrainedModel not in cls.__mro__[1:]:
        return False
    below = cls.__mro__[: cls.__mro__.index(PreTrainedModel)]
    return any("__init__" in vars(one) for one in below)


def _has_type(cls: Any) -> bool:
    """Return whether a config.json can say by its model_type that it is for this class."""
    config_cls = getattr(cls, "config_class", None)
    model_type = getattr(config_cls, "model_type", "")
    return bool(model_type) and model_type in CONFIG_TYPES and config_class(model_type) is config_cls


_OF_PARTS = (
    ("mllama_text_model", "MllamaForCausalLM"),
    ("mllama_text_model", "MllamaTextModel"),
    ("mllama_vision_model", "MllamaVisionModel"),
    ("llama4_vision_model", "Llama4VisionModel"),
    ("emu3_text_model", "Emu3ForCausalLM"),
    ("musicgen_decoder", "MusicgenForCausalLM"),
    ("musicgen_melody_decoder", "MusicgenMelodyForCausalLM"),
)
"""Classes that take a config of their own, where the mappings name only that of the whole."""

_WELL_KNOWN = frozenset(
    [
        "llama",
        "mistral",
        "mixtral",
        "qwen2",
        "qwen2_moe",
        "qwen2_vl",
        "qwen2_5_vl",
        "qwen3",
        "qwen3_moe",
        "qwen3_vl",
        "qwen3_vl_moe",
        "gemma",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "phi",
        "phi3",
        "phimoe",
        "gpt2",
        "gpt_neox",
        "opt",
        "bloom",
        "falcon",
        "deepseek_v2",
        "deepseek_v3",
        "gpt_oss",
        "mamba",
        "mamba2",
        "jamba",
        "bert",
        "roberta",
        "deberta",
        "deberta-v2",
        "t5",
        "mt5",
        "umt5",
        "bart",
        "whisper",
        "vit",
        "clip",
        "siglip",
        "swin",
        "convnext",
        "wav2vec2",
        "llama4",
        "llama4_text",
        "mllama",
        "llava",
        "distilbert",
        "albert",
        "electra",
        "xlm-roberta",
        "modernbert",
    ]
)


def _priority(pair: tuple[str, str]) -> bool:
    return pair[0] not in _WELL_KNOWN


_FIRST = ("MODEL_FOR_CAUSAL_LM_MAPPING_NAMES", "MODEL_MAPPING_NAMES")


def _order(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST)), name


def base_classes() -> dict[str, str]:
    """The class that AutoModel picks for a model type."""
    names = modeling_auto.MODEL_MAPPING_NAMES
    return {kind: one if isinstance(one, str) else one[0] for kind, one in names.items()}


def config_class(model_type: str) -> Any:
    return configuration_auto.CONFIG_MAPPING[model_type]


def part_for(model: Any, config: Any) -> Any:
    """The config that a class takes: of a composite one, the part that is meant (as AutoModel does)."""
    wanted = getattr(model, "config_class", None)
    if wanted is None or isinstance(config, wanted):
        return config
    for name in type(config).sub_configs:
        if isinstance(part := getattr(config, name, None), wanted):
            return part
    return config


def model_class(model_type: str, name: str) -> Any:
    """The class of a pair. Raises whatever its import raises."""
    module = configuration_auto.model_type_to_module_name(model_type)
    try:
        return getattr(importlib.import_module(f"transformers.models.{module}"), name)
    except AttributeError:
        return getattr(transformers, name)


if LIBRARY == "diffusers":
    from tools.blueprints.diffusers_classes import (
        VERSION,
        base_classes,
        config_class,
        model_class,
        pairs,
        unreachable_classes,
    )
