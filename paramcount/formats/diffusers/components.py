"""The components of diffusers, by class: built here, or by their compiled blueprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from paramcount.formats.built_models import BuiltModel, get_or_build
from paramcount.formats.diffusers.ace_step import BUILDERS_OF_ACE_STEP
from paramcount.formats.diffusers.adapters import build_t2i_adapter
from paramcount.formats.diffusers.autoencoders import (
    build_autoencoder,
    build_flux2_autoencoder,
    build_temporal_decoder,
    build_tiny,
)
from paramcount.formats.diffusers.bria import BUILDERS_OF_BRIA
from paramcount.formats.diffusers.consisid import BUILDERS_OF_CONSISID
from paramcount.formats.diffusers.cosmos import BUILDERS_OF_COSMOS
from paramcount.formats.diffusers.hidream import BUILDERS_OF_HIDREAM
from paramcount.formats.diffusers.joyimage import BUILDERS_OF_JOYIMAGE
from paramcount.formats.diffusers.kandinsky import BUILDERS_OF_KANDINSKY
from paramcount.formats.diffusers.krea import BUILDERS_OF_KREA
from paramcount.formats.diffusers.latte import BUILDERS_OF_LATTE
from paramcount.formats.diffusers.motif import BUILDERS_OF_MOTIF
from paramcount.formats.diffusers.nucleus import BUILDERS_OF_NUCLEUS
from paramcount.formats.diffusers.omnigen import BUILDERS_OF_OMNIGEN
from paramcount.formats.diffusers.ovis import BUILDERS_OF_OVIS
from paramcount.formats.diffusers.sana import BUILDERS_OF_SANA
from paramcount.formats.diffusers.sd3 import build_sd3
from paramcount.formats.diffusers.stable_audio import BUILDERS_OF_STABLE_AUDIO
from paramcount.formats.diffusers.unets import build_condition, build_controlnet, build_plain
from paramcount.formats.diffusers.video import (
    build_cogvideox_autoencoder,
    build_qwen_autoencoder,
    build_wan_autoencoder,
)
from paramcount.formats.diffusers.wan import BUILDERS_OF_WAN
from paramcount.formats.diffusers.z_image import BUILDERS_OF_Z_IMAGE
from paramcount.formats.huggingface.blueprints import load_blueprint, load_index
from paramcount.formats.huggingface.models import build_model
from paramcount.model.errors import UnknownLayer, did_you_mean
from paramcount.model.layers import Layer

LIBRARY = "diffusers"

BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], Layer]] = {
    "AutoencoderKL": build_autoencoder,
    "AutoencoderKLCogVideoX": build_cogvideox_autoencoder,
    "AutoencoderKLFlux2": build_flux2_autoencoder,
    "AutoencoderKLQwenImage": build_qwen_autoencoder,
    "AutoencoderKLTemporalDecoder": build_temporal_decoder,
    "AutoencoderKLWan": build_wan_autoencoder,
    "AutoencoderTiny": build_tiny,
    "ControlNetModel": build_controlnet,
    "SD3Transformer2DModel": build_sd3,
    "T2IAdapter": build_t2i_adapter,
    "UNet2DConditionModel": build_condition,
    "UNet2DModel": build_plain,
    **BUILDERS_OF_ACE_STEP,
    **BUILDERS_OF_BRIA,
    **BUILDERS_OF_CONSISID,
    **BUILDERS_OF_COSMOS,
    **BUILDERS_OF_HIDREAM,
    **BUILDERS_OF_JOYIMAGE,
    **BUILDERS_OF_KANDINSKY,
    **BUILDERS_OF_KREA,
    **BUILDERS_OF_OMNIGEN,
    **BUILDERS_OF_LATTE,
    **BUILDERS_OF_MOTIF,
    **BUILDERS_OF_NUCLEUS,
    **BUILDERS_OF_OVIS,
    **BUILDERS_OF_SANA,
    **BUILDERS_OF_STABLE_AUDIO,
    **BUILDERS_OF_WAN,
    **BUILDERS_OF_Z_IMAGE,
}
"""The classes that the compiler of blueprints does not follow: most have lists of blocks."""

_REMAPPED = {"ada_norm_zero": "DiTTransformer2DModel", "ada_norm_single": "PixArtTransformer2DModel"}
"""The classes that a Transformer2DModel is loaded as, by its norm_type (models.model_loading_utils)."""


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
    if name in index.refused:
        return f"{name} of diffusers {index.version} has no verified blueprint: {index.refused[name]}"
    near = did_you_mean(name, [*BUILDERS, *index.classes])
    return f'"{name[:100]}" is no known class of diffusers {index.version}{near}'
