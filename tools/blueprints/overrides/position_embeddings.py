"""Kinds of position embeddings, by a word in the config, of which the compiler drew the default only."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, Rewrite, SetFields

_WORD = "position_embeddings_type"
_RELATIVE, _ROTARY = f"{_WORD} == 'relative'", f"{_WORD} == 'rotary'"


def _esm(prefix: str) -> Sequence[Change]:
    head = "(head_dim if head_dim else hidden_size // num_attention_heads)"
    kind = "position_embedding_type"
    return (
        SetFields({kind: "sn", "head_dim": "ina", "is_decoder": "bn"}),
        Remove("given", frozenset([f"{kind} == 'absolute'"])),
        Remove("assumed", frozenset([f"not {kind} == 'rotary'"])),
        Append(
            "given",
            (
                f"not {kind} == 'rotary' or head_dim is None or head_dim >= 0",
                "is_decoder or not add_cross_attention",
            ),
        ),
        Rewrite(
            "tensors",
            ".position_embeddings.weight [max_position_embeddings; hidden_size]",
            f".position_embeddings.weight [max_position_embeddings; hidden_size] where {kind} == 'absolute'",
        ),
        Append(
            "tensors",
            (f"{prefix}rotary_embeddings.inv_freq [({head} + 1) // 2] where {kind} == 'rotary' buffer F32",),
        ),
    )


def _conformer(encoder: str, heads: str, layers: str) -> Iterator[Change]:
    """Yield the changes of a class with a Conformer, the names of whose tensors begin with `encoder`."""
    yield Replace("given", _RELATIVE)
    yield Replace("assumed", _RELATIVE)
    for name in ("pos_bias_u", "pos_bias_v", "linear_pos.weight"):
        shape = "hidden_size; hidden_size" if name.startswith("linear") else f"{heads}; hidden_size // {heads}"
        clause = f"{encoder}layers.{{i}}.self_attn.{name} [{shape}] for {layers}"
        yield Rewrite("tensors", clause, f"{clause} where {_RELATIVE}")
    size = f"(hidden_size // {heads} + 1) // 2"
    yield Append("tensors", (f"{encoder}embed_positions.inv_freq [{size}] where {_ROTARY} buffer F32",))


def _wav2vec2(prefix: str) -> tuple[Change, ...]:
    return SetFields({_WORD: "sn"}), *_conformer(f"{prefix}encoder.", "num_attention_heads", "num_hidden_layers")


_ESM_SMALL: Mapping[str, Any] = {
    "vocab_size": 33, "hidden_size": 20, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 30, "pad_token_id": 1,
}  # fmt: skip
_WAV2VEC2_SMALL: Mapping[str, Any] = {
    "hidden_size": 40, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 30,
    "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip
_SEAMLESS_SMALL: Mapping[str, Any] = {
    "hidden_size": 40, "speech_encoder_layers": 2, "speech_encoder_attention_heads": 4, "decoder_layers": 1,
    "speech_encoder_intermediate_size": 24, "decoder_ffn_dim": 16, "decoder_attention_heads": 2, "vocab_size": 60,
}  # fmt: skip

OVERRIDES: Mapping[str, Override] = {
    "esm": Override(
        reason=(
            'EsmEmbeddings has position embeddings where position_embedding_type is "absolute", and EsmModel a buffer '
            'of frequencies where it is "rotary"; any other word makes neither. The compiler drew the default only.'
        ),
        classes={
            "EsmForMaskedLM": _esm("esm."),
            "EsmForSequenceClassification": _esm("esm."),
            "EsmForTokenClassification": _esm("esm."),
            "EsmModel": _esm(""),
        },
        proofs=(
            _ESM_SMALL,
            *({**_ESM_SMALL, "position_embedding_type": word} for word in ("rotary", "relative_key", None)),
            {**_ESM_SMALL, "position_embedding_type": "rotary", "head_dim": 7, "emb_layer_norm_before": True},
            {
                **_ESM_SMALL,
                "position_embedding_type": "rotary",
                "hidden_size": 36,
                "is_decoder": True,
                "add_cross_attention": True,
            },
        ),
        refused=(
            {**_ESM_SMALL, "position_embedding_type": "rotary", "hidden_size": 21},
            {**_ESM_SMALL, "position_embedding_type": "rotary", "head_dim": -1},
            {**_ESM_SMALL, "add_cross_attention": True},
        ),
        defaults={"head_dim": None},
    ),
    "seamless_m4t": Override(
        reason=(
            "SeamlessM4TConformerSelfAttention has a projection and biases of relative positions, "
            "SeamlessM4TConformerEncoder a buffer of rotary ones. The compiler drew relative ones only. The two "
            "classes that hold all parts count their defaults only."
        ),
        classes={
            "SeamlessM4TForSpeechToText": tuple(
                _conformer("speech_encoder.encoder.", "speech_encoder_attention_heads", "speech_encoder_layers")
            )
        },
        proofs=(
            _SEAMLESS_SMALL,
            *({**_SEAMLESS_SMALL, _WORD: word} for word in ("rotary", "relative", "none")),
        ),
        refused=({**_SEAMLESS_SMALL, _WORD: 1},),
    ),
    "wav2vec2-conformer": Override(
        reason=(
            "Wav2Vec2ConformerSelfAttention has a projection and biases of relative positions, "
            "Wav2Vec2ConformerEncoder a buffer of rotary ones. The compiler drew relative ones only."
        ),
        classes={
            **dict.fromkeys(
                (
                    "Wav2Vec2ConformerForAudioFrameClassification",
                    "Wav2Vec2ConformerForCTC",
                    "Wav2Vec2ConformerForPreTraining",
                    "Wav2Vec2ConformerForSequenceClassification",
                    "Wav2Vec2ConformerForXVector",
                ),
                _wav2vec2("wav2vec2_conformer."),
            ),
            "Wav2Vec2ConformerModel": _wav2vec2(""),
        },
        proofs=(
            _WAV2VEC2_SMALL,
            *({**_WAV2VEC2_SMALL, _WORD: word} for word in ("rotary", None, "learned")),
            {**_WAV2VEC2_SMALL, _WORD: "rotary", "num_attention_heads": 8, "conv_bias": True},
        ),
        refused=({**_WAV2VEC2_SMALL, _WORD: 3},),
    ),
}
