"""MusicGen: a text encoder and a codec of any size in their slots, and the decoder beside them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_WIDTH, _TEXT_WIDTH = "decoder.hidden_size", "text_encoder.d_model"
_STATED = "decoder.cross_attention_hidden_size"
_LAYERS = "for decoder.num_hidden_layers"


def _decoder(attentions: Sequence[str]) -> Iterator[str]:
    """Yield the clauses of the decoder, with as many attentions in each layer."""
    square = f"[{_WIDTH}; {_WIDTH}] {_LAYERS}"
    layer = "decoder.model.decoder.layers.{i}."
    books = "for decoder.num_codebooks"
    yield f"decoder.model.decoder.embed_tokens.{{i}}.weight [decoder.vocab_size + 1; {_WIDTH}] {books}"
    for attention in attentions:
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            yield f"{layer}{attention}.{name}.weight {square}"
    for norm in (*(f"{attention}_layer_norm" for attention in attentions), "final_layer_norm"):
        for leaf in ("weight", "bias"):
            yield f"{layer}{norm}.{leaf} [{_WIDTH}] {_LAYERS}"
    yield f"{layer}fc1.weight [decoder.ffn_dim; {_WIDTH}] {_LAYERS}"
    yield f"{layer}fc2.weight [{_WIDTH}; decoder.ffn_dim] {_LAYERS}"
    yield f"decoder.model.decoder.layer_norm.weight [{_WIDTH}]"
    yield f"decoder.model.decoder.layer_norm.bias [{_WIDTH}]"
    yield f"decoder.lm_heads.{{i}}.weight [decoder.vocab_size; {_WIDTH}] {books}"


def _projection(name: str, inputs: str, where: str) -> Iterator[str]:
    """Yield the clauses of a projection to the decoder's width."""
    yield f"{name}.weight [{_WIDTH}; {inputs}] where {where}"
    yield f"{name}.bias [{_WIDTH}] where {where}"


def _record(conditions: Sequence[str], fields: dict[str, str], tensors: Sequence[str]) -> Mapping[str, Any]:
    sizes = ("ffn_dim", "hidden_size", "num_attention_heads", "num_codebooks", "num_hidden_layers", "vocab_size")
    kinds = {f"decoder.{name}": "i" for name in sizes} | {"decoder.activation_function": "s"} | fields
    return {
        "fields": dict(sorted(kinds.items())),
        "given": list(conditions),
        "assumed": [
            "is_activation(decoder.activation_function)",
            f"not {_WIDTH} % 2 == 1",
            f"not {_WIDTH} % decoder.num_attention_heads != 0",
        ],
        "rules": [],
        "tensors": list(tensors),
        "within": {
            "text_encoder": {"at": "text_encoder.", "takes": {"t5": "T5EncoderModel"}},
            "audio_encoder": {"at": "audio_encoder.", "takes": {"encodec": "EncodecModel"}},
        },
    }


_TEXT = {
    "model_type": "t5", "vocab_size": 90, "d_model": 16, "d_kv": 4, "d_ff": 24, "num_layers": 2, "num_heads": 3,
}  # fmt: skip
_AUDIO = {
    "model_type": "encodec", "num_filters": 4, "hidden_size": 16, "codebook_size": 32, "sampling_rate": 32000,
    "target_bandwidths": [2.2], "upsampling_ratios": [8, 5, 4, 4], "codebook_dim": 16,
}  # fmt: skip
_DECODER = {"vocab_size": 32, "num_hidden_layers": 2, "ffn_dim": 20, "num_attention_heads": 4, "hidden_size": 24}
_SMALL = {"text_encoder": _TEXT, "audio_encoder": _AUDIO, "decoder": _DECODER}
_PROOFS = (
    _SMALL,
    _SMALL | {"decoder": {**_DECODER, "hidden_size": 16, "num_codebooks": 8, "audio_channels": 2}},
    _SMALL | {"text_encoder": {**_TEXT, "feed_forward_proj": "gated-gelu"}, "decoder": {**_DECODER, "hidden_size": 12}},
)
_REFUSED = (
    _SMALL | {"decoder": {**_DECODER, "hidden_size": 22}},
    _SMALL | {"decoder": {**_DECODER, "activation_function": "prelu"}},
    _SMALL | {"text_encoder": {"model_type": "bert"}},
)
_REASON = (
    "The class builds the text encoder and the codec that the configs inside describe, a decoder, and projections "
    "between them. The compiler knows the defaults only: the configs inside have more fields than it could vary."
)

OVERRIDES: Mapping[str, Override] = {
    "musicgen": Override(
        reason=_REASON,
        classes={
            "MusicgenForConditionalGeneration": (
                Write(
                    _record(
                        (f"{_STATED} is None or {_STATED} == {_TEXT_WIDTH}",),
                        {_STATED: "in"},
                        (
                            *_decoder(("self_attn", "encoder_attn")),
                            *_projection(
                                "enc_to_dec_proj", _TEXT_WIDTH, f"{_TEXT_WIDTH} != {_WIDTH} and {_STATED} is None"
                            ),
                        ),
                    )
                ),
            )
        },
        proofs=(*_PROOFS, _SMALL | {"decoder": {**_DECODER, "cross_attention_hidden_size": 16}}),
        refused=(*_REFUSED, _SMALL | {"decoder": {**_DECODER, "cross_attention_hidden_size": 24}}),
    ),
    "musicgen_melody": Override(
        reason=_REASON,
        classes={
            "MusicgenMelodyForConditionalGeneration": (
                Write(
                    _record(
                        (),
                        {"num_chroma": "i"},
                        (
                            *_decoder(("self_attn",)),
                            *_projection("enc_to_dec_proj", _TEXT_WIDTH, f"{_TEXT_WIDTH} != {_WIDTH}"),
                            *_projection("audio_enc_to_dec_proj", "num_chroma", f"num_chroma != {_WIDTH}"),
                        ),
                    )
                ),
            )
        },
        proofs=(*_PROOFS, {**_SMALL, "num_chroma": 24}, {**_SMALL, "num_chroma": 7, "chroma_length": 20}),
        refused=_REFUSED,
    ),
}
