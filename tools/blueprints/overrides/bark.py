"""Bark: three transformers of their own sizes, and a codec in its slot."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_SIZES = ("block_size", "hidden_size", "input_vocab_size", "num_heads", "num_layers", "output_vocab_size")
_CAUSAL = {"semantic_config": "semantic.", "coarse_acoustics_config": "coarse_acoustics."}
_FINE, _FINE_AT = "fine_acoustics_config", "fine_acoustics."
_CODES = f"{_FINE}.n_codes_total - {_FINE}.n_codes_given"


def _transformer(at: str, config: str, *, norm_bias: str) -> Iterator[str]:
    """Yield the clauses of a transformer: what all three have; `norm_bias` says where its norms have biases."""
    width, layers, biased = f"{config}.hidden_size", f"for {config}.num_layers", f"where {config}.bias"
    yield f"{at}position_embeds_layer.weight [{config}.block_size; {width}]"
    layer = f"{at}layers.{{i}}."
    for norm in ("layernorm_1", "layernorm_2"):
        yield f"{layer}{norm}.weight [{width}] {layers}"
        yield f"{layer}{norm}.bias [{width}] {layers}{norm_bias}"
    for name, channels, inputs in (
        ("attn.att_proj", f"3 * {width}", width),
        ("attn.out_proj", width, width),
        ("mlp.in_proj", f"4 * {width}", width),
        ("mlp.out_proj", width, f"4 * {width}"),
    ):
        yield f"{layer}{name}.weight [{channels}; {inputs}] {layers}"
        yield f"{layer}{name}.bias [{channels}] {layers} {biased}"
    yield f"{at}layernorm_final.weight [{width}]"
    yield f"{at}layernorm_final.bias [{width}]{norm_bias}"


def _tensors() -> Iterator[str]:
    for config, at in _CAUSAL.items():
        width, side = f"{config}.hidden_size", f"{config}.block_size"
        yield f"{at}input_embeds_layer.weight [{config}.input_vocab_size; {width}]"
        yield from _transformer(at, config, norm_bias=f" where {config}.bias")
        yield f"{at}lm_head.weight [{config}.output_vocab_size; {width}]"
        yield f"{at}layers.{{i}}.attn.bias [1; 1; {side}; {side}] for {config}.num_layers buffer BOOL"
    width = f"{_FINE}.hidden_size"
    yield f"{_FINE_AT}input_embeds_layers.{{i}}.weight [{_FINE}.input_vocab_size; {width}] for {_FINE}.n_codes_total"
    yield from _transformer(_FINE_AT, _FINE, norm_bias="")
    head = f"{_FINE_AT}lm_heads.{{i}}.weight [{_FINE}.output_vocab_size; {width}] for {_CODES}"
    yield f"{head} where not {_FINE}.tie_word_embeddings"
    yield f"{head} where {_FINE}.tie_word_embeddings tied to {_FINE_AT}input_embeds_layers.{{i + 1}}.weight"


def _record() -> Mapping[str, Any]:
    configs = (*_CAUSAL, _FINE)
    fields = {f"{config}.{size}": "i" for config in configs for size in _SIZES}
    fields |= {f"{config}.bias": "b" for config in configs} | {f"{_FINE}.tie_word_embeddings": "b"}
    fields |= {f"{_FINE}.n_codes_total": "i", f"{_FINE}.n_codes_given": "i"}
    return {
        "fields": dict(sorted(fields.items())),
        "given": [
            f"{_FINE}.n_codes_given > 0",
            f"{_FINE}.n_codes_given <= {_FINE}.n_codes_total",
            f"not {_FINE}.tie_word_embeddings or {_FINE}.input_vocab_size == {_FINE}.output_vocab_size",
        ],
        "assumed": [f"not {config}.hidden_size % {config}.num_heads != 0" for config in configs],
        "rules": [],
        "tensors": list(_tensors()),
        "within": {"codec_config": {"at": "codec_model.", "takes": {"encodec": "EncodecModel"}}},
    }


_TRANSFORMER = {
    "block_size": 12, "input_vocab_size": 30, "output_vocab_size": 20, "num_layers": 2, "num_heads": 2,
    "hidden_size": 8,
}  # fmt: skip
_FINE_SMALL = _TRANSFORMER | {"output_vocab_size": 30}
_CODEC = {"model_type": "encodec", "num_filters": 4, "hidden_size": 16, "codebook_size": 32, "codebook_dim": 16}
_SMALL = {"semantic_config": _TRANSFORMER, "coarse_acoustics_config": _TRANSFORMER, _FINE: _FINE_SMALL}

OVERRIDE = Override(
    reason=(
        "BarkModel builds three transformers and a codec, each of its own config. The compiler knows the defaults "
        "only: the configs inside have more fields than it could vary."
    ),
    classes={"BarkModel": (Write(_record()),)},
    proofs=(
        {},
        _SMALL,
        _SMALL | {"semantic_config": {**_TRANSFORMER, "bias": False, "num_layers": 1}, "codec_config": _CODEC},
        _SMALL | {_FINE: {**_FINE_SMALL, "bias": False, "n_codes_total": 5, "n_codes_given": 2}},
        _SMALL | {_FINE: {**_FINE_SMALL, "tie_word_embeddings": False, "output_vocab_size": 10}},
    ),
    refused=(
        _SMALL | {_FINE: {**_FINE_SMALL, "num_heads": 3}},
        _SMALL | {_FINE: {**_FINE_SMALL, "output_vocab_size": 20}},
        _SMALL | {_FINE: {**_FINE_SMALL, "n_codes_given": 9}},
        _SMALL | {"codec_config": {"model_type": "dac"}},
    ),
)
