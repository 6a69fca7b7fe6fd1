"""Classes by what they own that their printed form does not show."""

from __future__ import annotations


def _classes(names: str) -> frozenset[str]:
    return frozenset(names.split())


ASSEMBLED = _classes("Sequential ModuleList ModuleDict")
"""Containers that a person fills; they own nothing and print nothing of their own."""

ADAPTED = _classes(
    """
    PeftModel PeftModelForCausalLM PeftModelForSequenceClassification PeftModelForSeq2SeqLM
    PeftModelForTokenClassification PeftModelForQuestionAnswering PeftModelForFeatureExtraction LoraModel
    """
)
"""peft's wrappers: what stands in them is frozen, but for the adapters."""

WRAPPERS = ADAPTED | _classes(
    "DataParallel DistributedDataParallel OptimizedModule FullyShardedDataParallel CheckpointWrapper"
)
"""What stands around a whole model, and owns nothing itself."""

ADAPTERS = _classes("lora.Linear lora.Embedding lora.Conv1d lora.Conv2d lora.Conv3d ModulesToSaveWrapper")
"""peft's layers: what they own is in their ModuleDicts and ParameterDicts."""

COMPOSITES = _classes("""
    Transformer TransformerEncoder TransformerDecoder TransformerEncoderLayer TransformerDecoderLayer
    AdaptiveLogSoftmaxWithLoss ParametrizationList _WeightNorm ParameterList ParameterDict
    FloatFunctional QFunctional FXFloatFunctional QuantStub DeQuantStub QuantWrapper
    """)
"""torch's own modules whose tensors all stand in their children, or in their text."""

TRANSFORMER_LAYERS = frozenset(("TransformerEncoderLayer", "TransformerDecoderLayer"))
"""What builds its attention with nothing but embed_dim, num_heads and bias."""

LAZY = frozenset(
    [f"Lazy{name}{axes}d" for name in ("Conv", "ConvTranspose", "BatchNorm", "InstanceNorm") for axes in (1, 2, 3)]
    + ["LazyLinear"]
)
"""torch's modules whose shapes are settled by their first call."""

PACKED = _classes("""
    DynamicQuantizedLinear DynamicQuantizedLSTM DynamicQuantizedGRU DynamicQuantizedLSTMCell DynamicQuantizedGRUCell
    DynamicQuantizedRNNCell
    """)
"""Quantised modules whose weights are packed: no parameters and no buffers."""

WEIGHTED = _classes("""
    BCELoss BCEWithLogitsLoss CrossEntropyLoss LinearCrossEntropyLoss MultiLabelSoftMarginLoss MultiMarginLoss NLLLoss
    NLLLoss2d
    """)
"""Losses that may own weights as buffers, which they don't print."""
