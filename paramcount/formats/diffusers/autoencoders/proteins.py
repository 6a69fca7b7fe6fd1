"""RFD4ProteinaAutoencoder, whose transformers are conditioned on a width that they share.

Source: autoencoder_rfd4_proteina of diffusers.models.autoencoders.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.diffusers.values import Builders, Values
from paramcount.formats.parts import Tensors, assemble, linear, norm, repeat
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor

_DEFAULTS: Mapping[str, Any] = {
    "atom37_mask": None, "allowed_residue_types": None, "latent_dim": 32, "n_residue_types": 147,
    "num_token_types": 7, "nlayers": 12, "token_dim": 768, "nheads": 12, "dim_cond": 128, "token_type_emb_dim": 32,
    "encoder_feats_seq": [
        "token_type", "x1_a37coors_nm", "x1_a37coors_nm_rel", "chain_idx_seq", "incident_bond_type_counts",
        "atom37_element_charge_embedding",
    ],
    "decoder_feats_seq": ["ca_coors_nm", "z_latent_seq", "token_type", "cond_residue_type"],
}  # fmt: skip

_ATOMS = 37
"""The atoms of a residue that have a place in its list."""

_ELEMENT, _CHARGE = (119, 8), (11, 16)
"""The shapes of the embeddings of an element and of a charge."""

_FEATURES: Mapping[str, int] = {
    "chain_idx_seq": 1, "x1_a37coors_nm": 4 * _ATOMS, "x1_a37coors_nm_rel": 4 * _ATOMS, "ca_coors_nm": 3,
    "incident_bond_type_counts": 10 * _ATOMS, "atom37_element_charge_embedding": _ATOMS * (_ELEMENT[1] + _CHARGE[1]),
}  # fmt: skip
"""The widths of the features that no field states."""


def build_proteina(config: Mapping[str, Any]) -> Layer:
    """RFD4ProteinaAutoencoder. Raises InvalidDocument."""
    values, name = Values(config, _DEFAULTS), "RFD4ProteinaAutoencoder"
    width, latent = values.size("token_dim"), values.size("latent_dim")
    values.size("nheads")
    for field in ("atom37_mask", "allowed_residue_types"):
        _check_table(values, field)
    outputs = {"logit_linear": values.size("n_residue_types"), "struct_linear": 3 * _ATOMS,
               "atom_presence_linear": _ATOMS}  # fmt: skip
    encoder = _build_half(values, "encoder", width, {"latent_decoder_mean_n_log_scale": 2 * latent})
    return Layer(name, name, children=(encoder, _build_half(values, "decoder", width, outputs)))


def _check_table(values: Values, name: str) -> None:
    """Raise InvalidDocument where a field is no list of equal lists: diffusers needs it, though it is not saved."""
    rows = values.get(name)
    if not isinstance(rows, list | tuple) or not all(isinstance(row, list | tuple) for row in rows):
        raise InvalidDocument("must be a list of lists", f"/{name}")
    if len({len(row) for row in rows}) != 1 or not all(isinstance(item, bool) for row in rows for item in row):
        raise InvalidDocument("must hold equal lists of true and false", f"/{name}")


def _build_half(values: Values, part: str, width: int, outputs: Mapping[str, int]) -> Layer:
    """An encoder or a decoder, and what it makes."""
    condition, field = values.size("dim_cond"), f"{part}_feats_seq"
    stated = {
        "token_type": values.size("token_type_emb_dim"), "z_latent_seq": values.size("latent_dim"),
        "cond_residue_type": values.size("n_residue_types"), **_FEATURES,
    }  # fmt: skip
    names = values.choices(field, values.length(field, 1), list(stated))

    def tensors() -> Tensors:
        factory = "init_repr_factory"
        if "token_type" in names:
            shape = (values.size("num_token_types"), stated["token_type"])
            yield Tensor(f"{factory}.feature_modules.token_type.weight", shape)
        if "atom37_element_charge_embedding" in names:
            name = f"{factory}.feature_modules.atom37_element_charge_embedding"
            yield Tensor(f"{name}.element.weight", _ELEMENT)
            yield Tensor(f"{name}.charge.weight", _CHARGE)
        yield from linear(f"{factory}.linear_out", sum(stated[name] for name in names), width, bias=False)
        for number in (1, 2):
            yield from _transition(f"transition_c_{number}", condition, 2)
        for name, count in outputs.items():
            yield from norm(f"{name}.0", width)
            yield from linear(f"{name}.1", width, count, bias=False)

    layer = assemble("", "RFD4ProteinaTrunkLayer", _layer(width, condition))
    layers = repeat("transformer_layers", values.size("nlayers"), layer)
    return assemble(part, f"RFD4Proteina{part.title()}", tensors(), layers)


def _transition(name: str, width: int, expansion: int) -> Tensors:
    yield from linear(f"{name}.swish_linear.0", width, 2 * expansion * width, bias=False)
    yield from linear(f"{name}.linear_out", expansion * width, width, bias=False)


def _layer(width: int, condition: int) -> Tensors:
    """Attention and a transition, each normalised and scaled by the condition."""
    for part in ("mhba", "transition"):
        yield from norm(f"{part}.adaln.norm_cond", condition)
        yield from linear(f"{part}.adaln.to_gamma.0", condition, width)
        yield from linear(f"{part}.adaln.to_beta", condition, width, bias=False)
        yield from linear(f"{part}.scale_output.0", condition, width)
    for name in ("node_norm", "norm_q", "norm_k"):
        yield from norm(f"mhba.mha.{name}", width)
    for name in ("to_q", "to_k", "to_v", "to_g", "to_out"):
        yield from linear(f"mhba.mha.{name}", width, width)
    yield from _transition("transition.transition", width, 4)


BUILDERS: Builders = {
    "RFD4ProteinaAutoencoder": build_proteina,
}
