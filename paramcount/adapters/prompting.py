"""Puts a prompt encoder beside a model; what it does not state of its sizes, the model's config does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.adapters.bases import Base
from paramcount.adapters.registry import Method
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.schema.signature import MAX_DIMENSION

_LAYERS = ("num_hidden_layers", "num_layers", "n_layer")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads")
_KEYS = ("num_key_value_heads", "head_dim", "global_head_dim", "per_layer_config")
SIZES = (*_LAYERS, *_WIDTH, *_HEADS, *_KEYS)
"""Fields of a config that size a prompt."""


def prompted(root: Layer, config: Mapping[str, Any], method: Method, base: Base) -> Layer:
    """The model with the prompt encoder of `method`."""
    if base.config and _text(base, "vocab_size") is None:
        raise InvalidDocument("needs a model of text: its config has no vocab_size", "/peft_type", "unsupported_module")
    if base.config and config.get("num_attention_heads") is None:
        _stated("num_attention_heads", _HEADS, base)  # PEFT asks for it, whether it is needed or not
    arguments = method.signature.chosen({name: value for name, value in config.items() if value is not None})
    arguments = method.signature.chosen(
        {**_sizes(config, base, method), **arguments, **_of_heads(config, base, method)}
    )
    tensors = tuple(method.formula(**arguments))
    encoder = Layer("default", f"{method.name.lower()}.encoder", tensors=tensors)
    return root._replace(children=(*root.children, Layer("prompt_encoder", "ModuleDict", children=(encoder,))))


def _sizes(config: Mapping[str, Any], base: Base, method: Method) -> dict[str, Any]:
    """What a config leaves open (_prepare_prompt_learning_config, _setup_prompt_encoder)."""
    found: dict[str, Any] = {"num_transformer_submodules": 2 if config["task_type"] == "SEQ_2_SEQ_LM" else 1}
    for member, names in (("num_layers", _LAYERS), ("token_dim", _WIDTH)):
        if member in method.signature.arguments and config.get(member) is None:
            found[member] = _stated(member, names, base)
    return found


def _of_heads(config: Mapping[str, Any], base: Base, method: Method) -> dict[str, Any]:
    """A prefix is as wide as the keys, where several heads share them."""
    heads = _text(base, "num_key_value_heads")
    if method.name != "PREFIX_TUNING" or heads is None:
        return {}
    if _text(base, "global_head_dim") is not None or _text(base, "per_layer_config") is not None:
        detail = "is not counted for a model whose layers have heads of several widths"
        raise InvalidDocument(detail, "/peft_type", "unsupported_adapter")
    width = _text(base, "head_dim")
    if width is None:
        token_dim = config.get("token_dim") or _stated("token_dim", _WIDTH, base)
        width = token_dim // max(config.get("num_attention_heads") or _stated("num_attention_heads", _HEADS, base), 1)
    return {"token_dim": width * heads}


def _stated(member: str, names: tuple[str, ...], base: Base) -> int:
    found = next((value for value in _values(names, base) if value is not None), None)
    if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= MAX_DIMENSION:
        raise InvalidDocument("is required: the model's config does not say it", f"/{member}", "required")
    return found


def _values(names: tuple[str, ...], base: Base) -> Iterator[Any]:
    if names is _LAYERS:  # the one that PEFT asks of the whole config, under any name
        yield base.config.get(base.aliases.get(names[0], names[0]))
    for name in names:
        yield _text(base, name)


def _text(base: Base, name: str) -> Any:
    """A field of the config, or of the text model's within it. Raises InvalidDocument where its class derives it."""
    if name in base.unlike:
        detail = f"is not counted for this model: its class derives {name}, and it is not known how"
        raise InvalidDocument(detail, "/peft_type", "unsupported_adapter")
    part = "text_config." if any(path.startswith("text_config.") for path in base.config) else ""
    return base.config.get(part + name)
