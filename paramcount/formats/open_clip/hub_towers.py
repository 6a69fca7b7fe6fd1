"""The text towers of open_clip that are models of the Hub: those that its own configs name.

Source: open_clip.hf_model.HFTextEncoder. The sizes of the models are in their configs on the Hub, which is not fetched:
those of MODELS are copied, and the totals are those of open_clip's docs/model_profile.csv.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import TRANSFORMERS, load_blueprint
from paramcount.formats.huggingface.models import build_model
from paramcount.formats.open_clip.configs import TextConfig
from paramcount.formats.parts import Tensors, assemble, linear
from paramcount.model.errors import InvalidDocument, did_you_mean
from paramcount.model.layers import Layer

_ROBERTA = {"model_type": "roberta", "vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1}
_XLM = {"model_type": "xlm-roberta", "vocab_size": 250002, "max_position_embeddings": 514, "type_vocab_size": 1}
_LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
_MT5 = {"model_type": "mt5", "vocab_size": 250112, "d_kv": 64, "feed_forward_proj": "gated-gelu"}
_NLLB = {
    "model_type": "m2m_100", "vocab_size": 256206, "d_model": 1024, "encoder_attention_heads": 16,
    "decoder_attention_heads": 16, "max_position_embeddings": 1024, "decoder_layers": 12,
}  # fmt: skip

MODELS: Mapping[str, Mapping[str, Any]] = {
    "facebook/nllb-200-distilled-1.3B": _NLLB | {"encoder_layers": 24, "encoder_ffn_dim": 8192},
    "facebook/nllb-200-distilled-600M": _NLLB | {"encoder_layers": 12, "encoder_ffn_dim": 4096},
    "google/mt5-base": _MT5 | {"d_model": 768, "d_ff": 2048, "num_layers": 12, "num_heads": 12},
    "google/mt5-xl": _MT5 | {"d_model": 2048, "d_ff": 5120, "num_layers": 24, "num_heads": 32},
    "roberta-base": _ROBERTA,
    "xlm-roberta-base": _XLM,
    "xlm-roberta-large": _XLM | _LARGE,
}
"""The configs of the models, by the name that open_clip loads them by: what differs from their defaults."""

_OWNERS = ("FacebookAI/",)
"""The owners of models that open_clip names without one."""

_CLASSES = {"m2m_100": "M2M100Model", "mt5": "MT5Model", "roberta": "RobertaModel", "xlm-roberta": "XLMRobertaModel"}
_WIDTHS = ("hidden_size", "d_model")
_BASE_WIDTH = 768

_POOLERS = (None, "mean_pooler", "max_pooler", "cls_pooler", "cls_last_hidden_state_pooler")
_PROJECTIONS = (None, "linear", "mlp")


def build_hub_text(config: TextConfig, embed_dim: int) -> Layer:
    """HFTextEncoder: a model of transformers, and its projection. Raises InvalidDocument."""
    model_config = _find(config.hf_model_name or "")
    for name, known in (("hf_pooler_type", _POOLERS), ("hf_proj_type", _PROJECTIONS)):
        if getattr(config, name) not in known:
            raise InvalidDocument(f"is none of {known[1:]}", f"/{name}")
    kind = str(model_config["model_type"])
    model = build_model(load_blueprint(kind, _CLASSES[kind], TRANSFORMERS), "", model_config).root
    width = next((int(model_config[name]) for name in _WIDTHS if name in model_config), _BASE_WIDTH)
    transformer = _take_encoder(model, with_pooler=config.hf_pooler_type == "cls_pooler")
    return assemble("text", "HFTextEncoder", _project(config.hf_proj_type, width, embed_dim), [transformer])


def _find(name: str) -> Mapping[str, Any]:
    for owner in _OWNERS:
        name = name.removeprefix(owner)
    if name not in MODELS:
        known = ", ".join(MODELS)
        detail = "is a model of the Hub, which is not fetched: its sizes are not in this config; known are"
        raise InvalidDocument(f"{detail} {known}{did_you_mean(name, MODELS)}", "/hf_model_name", "unsupported")
    return MODELS[name]


def _take_encoder(model: Layer, *, with_pooler: bool) -> Layer:
    """The part of a model that is loaded: the encoder of two stacks, whose embeddings are the shared ones."""
    by_name = {child.name: child for child in model.children}
    if "decoder" not in by_name:
        kept = tuple(child for child in model.children if with_pooler or child.name != "pooler")
        return model._replace(name="transformer", children=kept)
    encoder = by_name["encoder"]
    children = tuple(
        child._replace(tensors=tuple(tensor._replace(tied_to="") for tensor in child.tensors))
        if child.name == "embed_tokens"
        else child
        for child in encoder.children
    )
    return encoder._replace(name="transformer", children=children)


def _project(kind: str | None, width: int, embed_dim: int) -> Tensors:
    if kind == "linear":
        yield from linear("proj", width, embed_dim, bias=False)
    elif kind == "mlp":
        hidden = (width + embed_dim) // 2
        yield from linear("proj.0", width, hidden, bias=False)
        yield from linear("proj.2", hidden, embed_dim, bias=False)
