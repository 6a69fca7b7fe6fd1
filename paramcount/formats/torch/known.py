"""Sets of classes that the reader treats specially, most of them since they own tensors that are not printed."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")

MAX_CLASS_CHARS = 200
"""The longest name of a class that any library has."""


def cache_by_class(unknown: T) -> Callable[[Callable[[str], T]], Callable[[str], T]]:
    """Cache what a function returns for the name of a class; for a longer name than any has, return `unknown`."""

    def decorate(function: Callable[[str], T]) -> Callable[[str], T]:
        cached = lru_cache(maxsize=4096)(function)
        return lambda name: cached(name) if len(name) <= MAX_CLASS_CHARS else unknown

    return decorate


def _split(names: str) -> frozenset[str]:
    return frozenset(names.split())


ASSEMBLED = _split("Sequential ModuleList ModuleDict")
"""Containers that a person fills; they own nothing and print nothing of their own."""

ADAPTED = _split(
    """
    PeftModel PeftModelForCausalLM PeftModelForSequenceClassification PeftModelForSeq2SeqLM
    PeftModelForTokenClassification PeftModelForQuestionAnswering PeftModelForFeatureExtraction LoraModel
    """
)
"""peft's wrappers: all inside them is frozen, but for the adapters."""

WRAPPERS = dict.fromkeys(ADAPTED, "base_model") | {
    "LoraModel": "model",
    "DataParallel": "module",
    "DistributedDataParallel": "module",
    "OptimizedModule": "_orig_mod",
    "FullyShardedDataParallel": "_fsdp_wrapped_module",
    "CheckpointWrapper": "_checkpoint_wrapped_module",
}
"""Wrappers around a module, which own nothing themselves, each with the name of what it wraps."""

STAND_IN_PREFIXES = ("FSDP", "Parametrized", "NonDynamicallyQuantizable", "DynamicQuantized")
"""Prefixes of classes that torch puts in the place of a class."""

HOLDERS = _split("ParametrizationList _WeightNorm ParameterList ParameterDict")
"""torch's own modules whose tensors are in their text, or which belong to a parametrized module."""

ADAPTERS = _split("lora.Linear lora.Embedding lora.Conv1d lora.Conv2d lora.Conv3d ModulesToSaveWrapper")
"""peft's layers: their tensors are in their ModuleDicts and ParameterDicts."""

COMPOSITES = _split("""
    Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer
    AdaptiveLogSoftmaxWithLoss ParametrizationList _WeightNorm ParameterList ParameterDict
    FloatFunctional QFunctional FXFloatFunctional QuantStub DeQuantStub QuantWrapper
    """)
"""torch's own modules whose tensors are all in their children, or in their text."""

TRANSFORMER_LAYERS = frozenset(("TransformerEncoderLayer", "TransformerDecoderLayer"))
"""Layers that build their attention with nothing but embed_dim, num_heads and bias."""

LAZY = frozenset(
    [f"Lazy{name}{axes}d" for name in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm") for axes in (1, 2, 3)]
    + ["LazyLinear"]
)
"""torch's modules that take their shapes from their first call."""

PACKED = _split("""
    DynamicQuantizedLinear DynamicQuantizedLSTM DynamicQuantizedGRU DynamicQuantizedLSTMCell DynamicQuantizedGRUCell
    DynamicQuantizedRNNCell
    """)
"""Quantised modules whose weights are packed: no parameters and no buffers."""

WEIGHTED = _split("""
    BCELoss BCEWithLogitsLoss CrossEntropyLoss LinearCrossEntropyLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss
    NLLLoss2d
    """)
"""Losses that may own weights as buffers, which they don't print."""
