"""The components of diffusers, by class: built here, or by their compiled blueprints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from paramcount.formats.built_models import BuiltModel, get_or_build
from paramcount.formats.diffusers import adapters, autoencoders, projections, transformers, unets
from paramcount.formats.diffusers.values import Builders
from paramcount.formats.huggingface.blueprints import load_blueprint, load_index
from paramcount.formats.huggingface.models import build_model
from paramcount.model.errors import UnknownLayer, did_you_mean

LIBRARY = "diffusers"

FAMILIES = (adapters, projections, *autoencoders.FAMILIES, *transformers.FAMILIES, *unets.FAMILIES)

BUILDERS: Builders = {name: build for family in FAMILIES for name, build in family.BUILDERS.items()}
"""The classes that the compiler of blueprints does not follow: most have lists of blocks."""

_REMAPPED = {"ada_norm_zero": "DiTTransformer2DModel", "ada_norm_single": "PixArtTransformer2DModel"}
"""The classes that a Transformer2DModel is loaded as, by its norm_type (models.model_loading_utils)."""

_COMBINED = {
    "FluxMultiControlNetModel": "FluxControlNetModel",
    "HunyuanDiT2DMultiControlNetModel": "HunyuanDiT2DControlNetModel",
    "MultiAdapter": "T2IAdapter",
    "MultiControlNetModel": "ControlNetModel",
    "MultiControlNetUnionModel": "ControlNetUnionModel",
    "QwenImageMultiControlNetModel": "QwenImageControlNetModel",
    "SD3MultiControlNetModel": "SD3ControlNetModel",
}
"""The classes that hold several networks, by the class of each network."""

COMBINED_REASONS: Mapping[str, str] = {
    name: f"it holds several networks and has no config of its own: count the config.json of each {network}"
    for name, network in _COMBINED.items()
}
"""The reasons why those cannot be counted, which say what can be counted instead."""


def build_component(name: str, config: Mapping[str, Any], pointer: str) -> BuiltModel:
    """The model that a class builds of a config; `pointer` is that of its name. Raises ArchitectureError, Problems."""
    if name == "Transformer2DModel" and isinstance(config.get("norm_type"), str):
        name = _REMAPPED.get(config["norm_type"], name)
    if name in BUILDERS:
        return get_or_build(name, config, partial(BUILDERS[name], config))
    index = load_index(LIBRARY)
    if name not in index.classes:
        raise UnknownLayer(_explain(name), name, pointer)
    used_defaults = config.get("_use_default_values") or ()
    stated = {key: value for key, value in config.items() if key[:1] != "_" and key not in used_defaults}
    model = build_model(load_blueprint(name, name, LIBRARY), "", stated)
    return BuiltModel(model.root, model.counts)


def _explain(name: str) -> str:
    """The reason why a class cannot be counted."""
    index = load_index(LIBRARY)
    if name in COMBINED_REASONS:
        return f"{name} of diffusers {index.version} cannot be counted: {COMBINED_REASONS[name]}"
    if name in index.refused:
        return f"{name} of diffusers {index.version} has no verified blueprint: {index.refused[name]}"
    near = did_you_mean(name, [*BUILDERS, *index.classes])
    return f'"{name[:100]}" is no known class of diffusers {index.version}{near}'
