"""params_json: the params.json of Mistral and Llama models, counted as the class of transformers that it maps to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from marshmallow import INCLUDE, Schema, fields, validate

from paramcount.formats.claims import is_params_json
from paramcount.formats.huggingface import huggingface
from paramcount.model.document import Document
from paramcount.model.errors import ArchitectureError, InvalidDocument, raise_problems, token
from paramcount.model.report import ReportWarning
from paramcount.schema.registry import reader
from paramcount.schema.signature import MAX_DIMENSION, is_dimension
from paramcount.schema.validator import format_value

_EXAMPLE = {
    "dim": 4096,
    "n_layers": 32,
    "head_dim": 128,
    "hidden_dim": 14336,
    "n_heads": 32,
    "n_kv_heads": 8,
    "vocab_size": 32768,
}

_SIZES = {
    "dim": "hidden_size",
    "n_layers": "num_hidden_layers",
    "head_dim": "head_dim",
    "hidden_dim": "intermediate_size",
    "n_heads": "num_attention_heads",
    "n_kv_heads": "num_key_value_heads",
    "vocab_size": "vocab_size",
}
"""The fields that size a model, with transformers' names of them."""

_EXPERTS = {"num_experts": "num_local_experts", "num_experts_per_tok": "num_experts_per_tok"}
"""The same of a mixture of experts."""

_OF_MISTRAL = ("head_dim", "hidden_dim", "n_kv_heads")
"""The fields that Mistral's code demands besides those that both have (mistral_inference.args.TransformerArgs)."""

_OF_LLAMA = ("multiple_of", "ffn_dim_multiplier", "use_scaled_rope")
"""The fields that only Meta's code has (llama_models.llama3.args.ModelArgs)."""

_TIES = ("tied_embeddings", "tie_word_embeddings")

_WEIGHTLESS = frozenset(
    (
        "norm_eps", "rope_theta", "sliding_window", "_sliding_window", "max_batch_size", "max_seq_len",
        "max_position_embeddings", "model_type", "use_scaled_rope",
    )
)  # fmt: skip
"""The fields that size nothing."""

_MAX_TIED_DIM = 3072
"""The dim of Llama 3.2 3B, the largest of those that transformers ties and Meta's code does not."""


class ParamsJson(Schema):
    """A params.json: Mistral's, dense or with experts (`moe`), or Llama's, whose width of the MLP is derived."""

    class Meta:
        unknown = INCLUDE

    dim = fields.Integer(strict=True, required=True, validate=validate.Range(1, MAX_DIMENSION))
    n_layers = fields.Integer(strict=True, required=True, validate=validate.Range(1, MAX_DIMENSION))
    n_heads = fields.Integer(strict=True, required=True, validate=validate.Range(1, MAX_DIMENSION))
    vocab_size = fields.Raw(required=True, metadata={"description": "an integer; -1 leaves it to the tokenizer"})
    moe = fields.Raw(metadata={"description": "of a mixture of experts: num_experts, num_experts_per_tok"})


@reader("params_json", claims=is_params_json, members=("dim",), schema=ParamsJson, example=_EXAMPLE)
def params_json(payload: Mapping[str, Any]) -> Document:
    """The params.json of a Mistral or Llama model, dense or with experts: the class of transformers that its weights
    are converted to."""
    is_mistral = "hidden_dim" in payload
    raise_problems(_find_problems(payload, is_mistral))
    document = huggingface(_to_mistral(payload) if is_mistral else _to_llama(payload))
    return document._replace(warnings=(*document.warnings, *_warn_of_ties(payload, is_mistral)))


def _find_problems(payload: Mapping[str, Any], is_mistral: bool) -> Iterator[ArchitectureError]:
    """Yield what is missing, is no size, or was not verified."""
    sizes = {name: payload[name] for name in _SIZES if name in payload}
    if is_mistral:
        yield from _check_experts(payload.get("moe"))
        yield from _refuse(payload.keys() - {*_SIZES, "moe", *_TIES} - _WEIGHTLESS, "")
        for name in _OF_MISTRAL:
            if name not in payload:
                yield InvalidDocument(f'"{name}" is missing', "", "required")
    else:
        yield from _check_llama(payload)
        yield from _refuse(payload.keys() - {*_SIZES, *_OF_LLAMA} - _WEIGHTLESS | payload.keys() & {"head_dim"}, "")
        if sizes.get("n_kv_heads") is None:
            sizes.pop("n_kv_heads", None)
    if sizes["vocab_size"] == -1:
        yield InvalidDocument("is left to the tokenizer: state it (Llama 1 and 2 have 32000)", "/vocab_size")
        del sizes["vocab_size"]
    for name, size in sizes.items():
        yield from _check_size(size, token(name))
    if payload.get("model_type") == "mamba":
        yield InvalidDocument("mamba was not verified", "/model_type", "unsupported")


def _check_experts(experts: Any) -> Iterator[ArchitectureError]:
    if isinstance(experts, Mapping):
        for name in _EXPERTS:
            yield from _check_size(experts.get(name), f"/moe/{name}")
        yield from _refuse(experts.keys() - _EXPERTS.keys(), "/moe")
    elif experts is not None:
        yield InvalidDocument(f"must be an object, not {format_value(experts)}", "/moe")


def _check_size(value: Any, pointer: str) -> Iterator[ArchitectureError]:
    if type(value) is not int or not is_dimension(value) or value < 1:
        yield InvalidDocument(f"must be an integer from 1 to {MAX_DIMENSION}, not {format_value(value)}", pointer)


def _check_llama(payload: Mapping[str, Any]) -> Iterator[ArchitectureError]:
    """Yield what Meta's code would not take."""
    yield from _check_size(payload.get("multiple_of", 256), "/multiple_of")
    factor = payload.get("ffn_dim_multiplier")
    if factor is not None and (isinstance(factor, bool) or not isinstance(factor, int | float) or not 0 < factor < 1e6):
        yield InvalidDocument(f"must be a positive number, not {format_value(factor)}", "/ffn_dim_multiplier")
    dim, heads = payload["dim"], payload["n_heads"]
    if dim % heads:
        yield InvalidDocument(f"must be a multiple of n_heads, {heads}", "/dim")


def _refuse(names: set[str], pointer: str) -> Iterator[ArchitectureError]:
    for name in sorted(names):
        yield InvalidDocument("is not verified, and may size something", pointer + token(name[:100]), "unsupported")


def _to_mistral(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json of a Mistral model: the class that its weights are converted to."""
    experts = payload.get("moe")
    config = {other: payload[name] for name, other in _SIZES.items() if name in payload}
    config["tie_word_embeddings"] = any(payload.get(name) is True for name in _TIES)
    if experts is None:
        return config | {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}
    config |= {other: experts[name] for name, other in _EXPERTS.items()}
    return config | {"architectures": ["MixtralForCausalLM"], "model_type": "mixtral"}


def _to_llama(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The config.json of a Llama model. Source of the MLP's width: llama_models.llama3.model.FeedForward."""
    width = int(2 * (4 * payload["dim"]) / 3)
    if (factor := payload.get("ffn_dim_multiplier")) is not None:
        width = int(factor * width)
    multiple = payload.get("multiple_of", 256)
    config = {other: payload[name] for name, other in _SIZES.items() if payload.get(name) is not None}
    return config | {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "intermediate_size": multiple * -(-width // multiple),
        "num_key_value_heads": payload.get("n_kv_heads") or payload["n_heads"],
        "tie_word_embeddings": False,
    }


def _warn_of_ties(payload: Mapping[str, Any], is_mistral: bool) -> tuple[ReportWarning, ...]:
    if is_mistral or not payload.get("use_scaled_rope") or payload["dim"] > _MAX_TIED_DIM:
        return ()
    detail = "Meta's code has an output layer of its own; transformers ties it to the embedding in Llama 3.2"
    return (ReportWarning("tied_elsewhere", "", detail),)
