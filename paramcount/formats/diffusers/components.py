"""The components of diffusers, by class: built here, or by their compiled blueprints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from paramcount.formats.built_models import BuiltModel, get_or_build
from paramcount.formats.diffusers.ace_step import BUILDERS_OF_ACE_STEP
from paramcount.formats.diffusers.adapters import build_t2i_adapter
from paramcount.formats.diffusers.audioldm2 import BUILDERS_OF_AUDIOLDM2
from paramcount.formats.diffusers.autoencoders import (
    build_autoencoder,
    build_flux2_autoencoder,
    build_temporal_decoder,
    build_tiny,
)
from paramcount.formats.diffusers.autoencoders_audio import BUILDERS_OF_AUDIO
from paramcount.formats.diffusers.autoencoders_dc import BUILDERS_OF_DC
from paramcount.formats.diffusers.autoencoders_hunyuan import BUILDERS_OF_HUNYUAN
from paramcount.formats.diffusers.autoencoders_image import BUILDERS_OF_IMAGES
from paramcount.formats.diffusers.autoencoders_kandinsky import BUILDERS_OF_KANDINSKY_PIXELS
from paramcount.formats.diffusers.autoencoders_ltx import BUILDERS_OF_LTX
from paramcount.formats.diffusers.autoencoders_ltx_diffusion import BUILDERS_OF_LTX_DIFFUSION
from paramcount.formats.diffusers.autoencoders_proteins import BUILDERS_OF_PROTEINS
from paramcount.formats.diffusers.autoencoders_spectrograms import BUILDERS_OF_SPECTROGRAMS
from paramcount.formats.diffusers.autoencoders_transformers import BUILDERS_OF_TRANSFORMERS
from paramcount.formats.diffusers.autoencoders_video import BUILDERS_OF_VIDEOS
from paramcount.formats.diffusers.bria import BUILDERS_OF_BRIA
from paramcount.formats.diffusers.cascade import BUILDERS_OF_CASCADE
from paramcount.formats.diffusers.consisid import BUILDERS_OF_CONSISID
from paramcount.formats.diffusers.control_transformers import BUILDERS_OF_CONTROL_TRANSFORMERS
from paramcount.formats.diffusers.control_union import BUILDERS_OF_UNION
from paramcount.formats.diffusers.control_xs import BUILDERS_OF_XS
from paramcount.formats.diffusers.cosmos import BUILDERS_OF_COSMOS
from paramcount.formats.diffusers.dreamlite import BUILDERS_OF_DREAMLITE
from paramcount.formats.diffusers.hidream import BUILDERS_OF_HIDREAM
from paramcount.formats.diffusers.joyimage import BUILDERS_OF_JOYIMAGE
from paramcount.formats.diffusers.kandinsky import BUILDERS_OF_KANDINSKY
from paramcount.formats.diffusers.kandinsky3 import BUILDERS_OF_KANDINSKY_3
from paramcount.formats.diffusers.krea import BUILDERS_OF_KREA
from paramcount.formats.diffusers.latte import BUILDERS_OF_LATTE
from paramcount.formats.diffusers.motion import BUILDERS_OF_MOTION
from paramcount.formats.diffusers.nucleus import BUILDERS_OF_NUCLEUS
from paramcount.formats.diffusers.omnigen import BUILDERS_OF_OMNIGEN
from paramcount.formats.diffusers.ovis import BUILDERS_OF_OVIS
from paramcount.formats.diffusers.projections import BUILDERS_OF_PROJECTIONS
from paramcount.formats.diffusers.sana import BUILDERS_OF_SANA
from paramcount.formats.diffusers.sd3 import build_sd3
from paramcount.formats.diffusers.spatio_temporal import BUILDERS_OF_SPATIO_TEMPORAL
from paramcount.formats.diffusers.stable_audio import BUILDERS_OF_STABLE_AUDIO
from paramcount.formats.diffusers.transformers_2d import BUILDERS_OF_TRANSFORMERS_2D
from paramcount.formats.diffusers.unet_1d import BUILDERS_OF_UNET_1D
from paramcount.formats.diffusers.unets import build_condition, build_controlnet, build_plain
from paramcount.formats.diffusers.unets_3d import BUILDERS_OF_UNETS_3D
from paramcount.formats.diffusers.unidiffuser import BUILDERS_OF_UNIDIFFUSER
from paramcount.formats.diffusers.uvit import BUILDERS_OF_UVIT
from paramcount.formats.diffusers.video import (
    build_cogvideox_autoencoder,
    build_qwen_21_autoencoder,
    build_qwen_autoencoder,
    build_wan_autoencoder,
)
from paramcount.formats.diffusers.vocoders import BUILDERS_OF_VOCODERS
from paramcount.formats.diffusers.wan import BUILDERS_OF_WAN
from paramcount.formats.huggingface.blueprints import load_blueprint, load_index
from paramcount.formats.huggingface.models import build_model
from paramcount.model.errors import UnknownLayer, did_you_mean
from paramcount.model.layers import Layer

LIBRARY = "diffusers"

BUILDERS: Mapping[str, Callable[[Mapping[str, Any]], Layer]] = {
    **BUILDERS_OF_AUDIO,
    **BUILDERS_OF_DC,
    **BUILDERS_OF_HUNYUAN,
    **BUILDERS_OF_IMAGES,
    **BUILDERS_OF_KANDINSKY_PIXELS,
    **BUILDERS_OF_LTX,
    **BUILDERS_OF_LTX_DIFFUSION,
    **BUILDERS_OF_PROTEINS,
    **BUILDERS_OF_SPECTROGRAMS,
    **BUILDERS_OF_TRANSFORMERS,
    **BUILDERS_OF_VIDEOS,
    **BUILDERS_OF_VOCODERS,
    "AutoencoderKL": build_autoencoder,
    "AutoencoderKLCogVideoX": build_cogvideox_autoencoder,
    "AutoencoderKLFlux2": build_flux2_autoencoder,
    "AutoencoderKLQwenImage": build_qwen_autoencoder,
    "AutoencoderKLQwenImage21": build_qwen_21_autoencoder,
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
    **BUILDERS_OF_NUCLEUS,
    **BUILDERS_OF_OVIS,
    **BUILDERS_OF_SANA,
    **BUILDERS_OF_STABLE_AUDIO,
    **BUILDERS_OF_WAN,
    **BUILDERS_OF_AUDIOLDM2,
    **BUILDERS_OF_CASCADE,
    **BUILDERS_OF_CONTROL_TRANSFORMERS,
    **BUILDERS_OF_DREAMLITE,
    **BUILDERS_OF_KANDINSKY_3,
    **BUILDERS_OF_MOTION,
    **BUILDERS_OF_PROJECTIONS,
    **BUILDERS_OF_SPATIO_TEMPORAL,
    **BUILDERS_OF_TRANSFORMERS_2D,
    **BUILDERS_OF_UNET_1D,
    **BUILDERS_OF_UNETS_3D,
    **BUILDERS_OF_UNIDIFFUSER,
    **BUILDERS_OF_UNION,
    **BUILDERS_OF_UVIT,
    **BUILDERS_OF_XS,
}
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
