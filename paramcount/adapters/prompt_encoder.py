"""Puts a prompt encoder beside a model; the sizes that it does not state come from the model's config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from paramcount.adapters.base_model import BaseModel
from paramcount.adapters.registry import Method
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.schema.signature import MAX_DIMENSION

_LAYERS = ("num_hidden_layers", "num_layers", "n_layer")
_WIDTH = ("hidden_size", "n_embd", "d_model")
_HEADS = ("num_attention_heads", "n_head", "num_heads", "encoder_attention_heads")
_KEYS = ("num_key_value_heads", "head_dim", "global_head_dim", "per_layer_config")
SIZE_FIELDS = (*_LAYERS, *_WIDTH, *_HEADS, *_KEYS)
"""The fields of a config that size a prompt."""


def add_prompt_encoder(root: Layer, config: Mapping[str, Any], method: Method, base: BaseModel) -> Layer:
    """Return the model with the prompt encoder of `method`. Raises InvalidDocument."""
    if base.config and _text_field("vocab_size", base) is None:
        raise InvalidDocument("needs a model of text: its config has no vocab_size", "/peft_type", "unsupported_module")
    if base.config and config.get("num_attention_heads") is None:
        _require_size("num_attention_heads", _HEADS, base)  # PEFT reads it, whether it is needed or not
    stated = method.signature.select({name: value for name, value in config.items() if value is not None})
    sizes = _find_sizes(config, base, method)
    arguments = method.signature.select({**sizes, **stated, **_find_key_width(config, base, method)})
    encoder = Layer("default", f"{method.name.lower()}.encoder", tensors=tuple(method.formula(**arguments)))
    return root._replace(children=(*root.children, Layer("prompt_encoder", "ModuleDict", children=(encoder,))))


def _find_sizes(config: Mapping[str, Any], base: BaseModel, method: Method) -> dict[str, Any]:
    """Return the sizes that a config leaves open (_prepare_prompt_learning_config, _setup_prompt_encoder)."""
    sizes: dict[str, Any] = {"num_transformer_submodules": 2 if config["task_type"] == "SEQ_2_SEQ_LM" else 1}
    for member, names in (("num_layers", _LAYERS), ("token_dim", _WIDTH)):
        if member in method.signature.arguments and config.get(member) is None:
            sizes[member] = _require_size(member, names, base)
    return sizes


def _find_key_width(config: Mapping[str, Any], base: BaseModel, method: Method) -> dict[str, Any]:
    """Return the width of a prefix: that of the keys, where several heads share them."""
    if method.name != "PREFIX_TUNING":
        return {}
    key_heads = _text_field("num_key_value_heads", base)
    if key_heads is None:
        return {}
    if _text_field("global_head_dim", base) is not None or _text_field("per_layer_config", base) is not None:
        detail = "is not counted for a model whose layers have heads of several widths"
        raise InvalidDocument(detail, "/peft_type", "unsupported_adapter")
    width = _text_field("head_dim", base)
    if width is None:
        token_dim = config.get("token_dim") or _require_size("token_dim", _WIDTH, base)
        heads = config.get("num_attention_heads") or _require_size("num_attention_heads", _HEADS, base)
        width = token_dim // max(heads, 1)
    return {"token_dim": width * key_heads}


def _require_size(member: str, names: tuple[str, ...], base: BaseModel) -> int:
    """Return the first of some fields that is stated. Raises InvalidDocument at `member` where none is."""
    size = next((value for value in _read_fields(names, base) if value is not None), None)
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= MAX_DIMENSION:
        raise InvalidDocument("is required: the model's config does not say it", f"/{member}", "required")
    return size


def _read_fields(names: tuple[str, ...], base: BaseModel) -> Iterator[Any]:
    if names is _LAYERS:  # the one that PEFT reads of the whole config, under any name
        _require_derived(names[0], base)
        yield base.config.get(base.aliases.get(names[0], names[0]))
    for name in names:
        yield _text_field(name, base)


def _require_derived(name: str, base: BaseModel) -> None:
    """Raise InvalidDocument where the model's class derives a field in a way that is not known."""
    if name in base.underived_fields:
        detail = f"is not counted for this model: its class derives {name}, and it is not known how"
        raise InvalidDocument(detail, "/peft_type", "unsupported_adapter")


def _text_field(name: str, base: BaseModel) -> Any:
    """Return a field of the config, or of the text model's in it. Raises InvalidDocument where its class derives it."""
    _require_derived(name, base)
    prefix = "text_config." if any(path.startswith("text_config.") for path in base.config) else ""
    return base.config.get(prefix + name)
