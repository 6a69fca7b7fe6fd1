"""Tensors of floating types that classes store and that are no parameters: buffers, which no file marks as such.

Source: register_buffer of diffusers 0.42 and timm 1.0.31. None of their parameters has one of these names, but for
AuraFlow's pos_embed.
"""

from __future__ import annotations

_NAMES = (
    "latents_mean", "latents_std", "_latents_mean", "_latents_std",  # LTX, LTX 2, RAE
    "encoder_mean", "encoder_std", "data_mean", "data_std", "running_std",  # RAE, MMAudio, SAME
    "mel_basis", "hann_window", "forward_basis", "inverse_basis", "filter",  # vocoders
    "pe", "inv_freq", "freqs", "kernel", "recall_gate", "zero_k_bias", "silence_latent",
    "pos_embed.pos_embed", "pos_embed_input.pos_embed", "patch_embed.pos_embed", "patch_embedding.pos_embed",
    "patch_embed.pos_embedding",
    "input_min", "input_max", "output_min", "output_max", "std_bias", "std_scale",  # timm's Gemma 4
    "transform.weights",  # timm's CSATv2
)  # fmt: skip
"""The ends of the names, whole components each."""

_ENDS = tuple(f".{name}" for name in _NAMES)


def is_stored_buffer(name: str, class_name: str) -> bool:
    """Return whether a class of diffusers or timm stores a buffer under a name."""
    return f".{name}".endswith(_ENDS) and not class_name.startswith("AuraFlow")
