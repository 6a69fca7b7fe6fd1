"""Encoder-decoders of two models: a decoder that says how wide its cross attention is."""

from collections.abc import Mapping
from typing import Any

from tools.blueprints.overrides.changes import Change, Override, Replace, Rewrite

_STATED = "decoder.cross_attention_hidden_size"


def _changes(encoder_width: str) -> tuple[Change, ...]:
    differs = f"where {encoder_width} != decoder.hidden_size"
    return (
        Replace("given", rf"{_STATED} is None", (f"{_STATED} is None or {_STATED} == encoder.hidden_size",)),
        Rewrite("tensors", differs, f"{differs} and {_STATED} is None"),
    )


def _override(name: str, encoder_width: str, encoder: Mapping[str, Any]) -> Override:
    decoder = {
        "model_type": "bert", "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "intermediate_size": 48, "vocab_size": 96,
    }  # fmt: skip
    return Override(
        reason=(
            "The class projects the encoder's states to the decoder's width only where the decoder does not say "
            "cross_attention_hidden_size, and refuses one that is not the encoder's width. The compiler varies no "
            "field to be equal to another."
        ),
        classes={name: _changes(encoder_width)},
        proofs=(
            {"encoder": encoder, "decoder": decoder},
            {"encoder": encoder, "decoder": {**decoder, "hidden_size": encoder["hidden_size"]}},
            {"encoder": encoder, "decoder": {**decoder, "cross_attention_hidden_size": encoder["hidden_size"]}},
        ),
        refused=({"encoder": encoder, "decoder": {**decoder, "cross_attention_hidden_size": 32}},),
    )


_SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
OVERRIDES: Mapping[str, Override] = {
    "encoder-decoder": _override("EncoderDecoderModel", "encoder.hidden_size", {"model_type": "bert", **_SMALL}),
    "vision-encoder-decoder": _override(
        "VisionEncoderDecoderModel", "encoder.hidden_size", {"model_type": "vit", **_SMALL}
    ),
}
