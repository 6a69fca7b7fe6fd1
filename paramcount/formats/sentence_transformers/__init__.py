"""The modules of sentence-transformers, counted from their configs: `repository` composes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.named_tensors.tree import build_tree, list_tensors
from paramcount.formats.sentence_transformers.modules import MODULES
from paramcount.model.document import Document
from paramcount.model.errors import InvalidDocument

VERSION = "6.2.0"
"""The release of sentence-transformers that the modules were verified against."""

ENCODERS = {"t5": "T5EncoderModel", "mt5": "MT5EncoderModel", "umt5": "UMT5EncoderModel"}
"""The encoders that are loaded of models with a decoder (transformer._ENCODER_ONLY_MODELS), by model type."""

_OTHER_ENCODERS = frozenset(
    (
        "udop", "longt5", "prophetnet", "switch_transformers", "blenderbot", "blenderbot-small", "m2m_100", "pegasus",
        "pegasus_x", "moonshine", "whisper", "marian", "t5gemma", "t5gemma2", "t5gemma2_text",
    )
)  # fmt: skip
"""The other model types of which only the encoder is loaded."""

_HEADS = {
    "fill-mask": "ForMaskedLM",
    "sequence-classification": "ForSequenceClassification",
    "text-generation": "ForCausalLM",
}
"""The end of the class's name for each transformer_task that loads another class than the base one."""


def read_module(class_name: str, config: Mapping[str, Any]) -> Document:
    """Return the document of a module that MODULES has. Raises InvalidDocument."""
    tensors = {tensor.name: tensor for tensor in MODULES[class_name].tensors(config)}
    return Document(build_tree(tensors), "torch", "torch")


def fold_static_embedding(document: Document) -> Document:
    """Return the document of a StaticEmbedding, whose file may be model2vec's: a row for each token of its mapping.

    Source: sentence_transformers.sentence_transformer.modules.static_embedding.StaticEmbedding.load.
    """
    tensors = list_tensors(document.root)
    embeddings, mapping = tensors.get("embeddings"), tensors.get("mapping")
    if "embedding.weight" in tensors or embeddings is None or len(embeddings.shape) != 2:
        return document
    rows, width = embeddings.shape
    if mapping is not None and len(mapping.shape) == 1:
        (rows,) = mapping.shape
    weight = embeddings._replace(name="embedding.weight", shape=(rows, width))
    return document._replace(root=build_tree({weight.name: weight}))


def check_transformer(config: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise InvalidDocument where a Transformer loads something else of its config than is counted."""
    for member in ("config_kwargs", "config_args"):
        stated = settings.get(member)
        if isinstance(stated, Mapping) and stated.keys() - {"trust_remote_code", "use_cache"}:
            raise InvalidDocument(f"{member} of its settings change it: that was not verified", "", "unsupported")
    model_type, task = config.get("model_type"), settings.get("transformer_task", "feature-extraction")
    if task == "feature-extraction":
        if isinstance(model_type, str) and model_type in _OTHER_ENCODERS:
            raise InvalidDocument(f"only the encoder of {model_type} is loaded: that was not verified", "/model_type")
        return
    if not isinstance(task, str) or task not in _HEADS:
        raise InvalidDocument("its transformer_task was not verified", "", "unsupported")
    stated = config.get("architectures")
    if not isinstance(stated, list) or not stated or not str(stated[0]).endswith(_HEADS[task]):
        raise InvalidDocument(f"must name a class with the head of {task}", "/architectures")
