"""The configs of open_clip's towers, with its defaults. Source: open_clip.model, CLIPVisionCfg and CLIPTextCfg."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

from paramcount.model.errors import ArchitectureError, InvalidDocument, token
from paramcount.schema.signature import is_dimension
from paramcount.schema.validator import format_value

MAX_RATIO = 1e6


@dataclass(frozen=True, slots=True)
class _Blocks:
    """The fields of both towers that shape their blocks."""

    mlp_ratio: float = 4.0
    ls_init_value: float | None = None
    block_type: str | None = None
    qk_norm: bool = False
    scaled_cosine_attn: bool = False
    scale_heads: bool = False
    scale_attn_inner: bool = False
    scale_attn: bool = False
    scale_fc: bool = False
    output_tokens: bool = False
    final_ln_after_pool: bool = False
    act_kwargs: Any = None
    norm_kwargs: Any = None

    FEATURES: ClassVar = ("qk_norm", "scaled_cosine_attn", "scale_heads", "scale_attn_inner", "scale_attn", "scale_fc")

    @property
    def is_custom(self) -> bool:
        """True where the blocks are open_clip's custom ones."""
        if self.block_type is None:
            return any(getattr(self, name) for name in self.FEATURES)
        return self.block_type == "custom"


@dataclass(frozen=True, slots=True)
class VisionConfig(_Blocks):
    layers: Any = 12  # an integer, or four of a ResNet
    width: int = 768
    head_width: int = 64
    patch_size: Any = 16
    image_size: Any = 224
    patch_dropout: float = 0.0
    attentional_pool: Any = False
    attn_pooler_queries: int = 256
    attn_pooler_heads: int = 8
    no_ln_pre: bool = False
    pos_embed_type: str = "learnable"
    pool_type: str = "tok"
    timm_model_name: str | None = None
    timm_model_pretrained: bool = False
    timm_pool: str = "avg"
    timm_proj: str | None = "linear"
    timm_proj_bias: bool = False
    timm_drop: float = 0.0
    timm_drop_path: float | None = None

    def pair(self, name: str) -> tuple[int, int]:
        """A size of two axes."""
        value = getattr(self, name)
        return (value[0], value[1]) if isinstance(value, list) else (value, value)


@dataclass(frozen=True, slots=True)
class TextConfig(_Blocks):
    context_length: int = 77
    vocab_size: int = 49408
    hf_tokenizer_name: str | None = None
    tokenizer_mode: str | None = None
    tokenizer_kwargs: Any = None
    width: int = 512
    heads: int = 8
    layers: int = 12
    embed_cls: bool = False
    pad_id: int = 0
    eos_id: int = 2
    no_causal_mask: bool = False
    pool_type: str = "argmax"
    proj_bias: bool = False
    proj_type: str = "linear"
    hf_model_name: str | None = None
    hf_model_pretrained: bool = True
    hf_proj_type: str | None = "mlp"
    hf_pooler_type: str | None = "mean_pooler"
    dim_head: int = 64  # this and those below are of a decoder
    n_queries: int = 256
    attn_pooler_heads: int = 8

    def plain(self) -> TextConfig:
        """The config as a decoder reads it, which leaves out what shapes custom blocks."""
        return replace(self, mlp_ratio=4.0, block_type="default")


_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "int": (lambda value: type(value) is int and is_dimension(value), "must be an integer of at least 0"),
    "float": (lambda value: type(value) in (int, float) and 0 <= value <= MAX_RATIO, "must be a number"),
    "bool": (lambda value: isinstance(value, bool), "must be true or false"),
    "str": (lambda value: isinstance(value, str), "must be a text"),
    "Any": (lambda _: True, ""),
}


def check(kind: type[_Blocks], stated: Any, pointer: str) -> Iterator[ArchitectureError]:
    """Yield what open_clip would not take of a tower's config, or takes and was not verified."""
    if not isinstance(stated, Mapping):
        yield InvalidDocument(f"must be an object, not {format_value(stated)}", pointer)
        return
    annotations = {field.name: str(field.type) for field in fields(kind)}
    for name, value in stated.items():
        if name not in annotations:
            yield InvalidDocument("is no field of open_clip's", pointer + token(name[:100]), "unknown_member")
            continue
        annotation, _, optional = annotations[name].partition(" | ")
        is_valid, detail = _CHECKS[annotation]
        is_missing = value is None and (optional or (name == "patch_size" and isinstance(stated.get("layers"), list)))
        if not is_missing and not is_valid(value):
            yield InvalidDocument(f"{detail}, not {format_value(value)}", pointer + token(name))
        elif not is_missing and name in _VALUES and not _VALUES[name](value):
            yield InvalidDocument(f"{format_value(value)} was not verified", pointer + token(name), "unsupported")


def _is_size(value: Any) -> bool:
    return type(value) is int and is_dimension(value) and value > 0


def _is_size_or_pair(value: Any) -> bool:
    return _is_size(value) or (isinstance(value, list) and len(value) == 2 and all(map(_is_size, value)))


_VALUES: Mapping[str, Callable[[Any], bool]] = {
    "layers": lambda value: (
        _is_size(value) or (isinstance(value, list) and len(value) == 4 and all(map(_is_size, value)))
    ),
    "head_width": _is_size,
    "heads": _is_size,
    "patch_size": _is_size_or_pair,
    "image_size": _is_size_or_pair,
    "attn_pooler_heads": _is_size,
    "attentional_pool": lambda value: isinstance(value, bool) or value in ("parallel", "cascade"),
    "pos_embed_type": lambda value: value in ("learnable", "sin_cos_2d"),
    "block_type": lambda value: value in ("default", "custom"),
    "timm_proj": lambda value: value in ("linear", "mlp", "none", ""),
    "proj_type": lambda value: value in ("linear", "none"),
    "timm_pool": lambda value: value not in ("abs_attn", "rot_attn"),
}
"""The values of fields that are more than of a type."""
