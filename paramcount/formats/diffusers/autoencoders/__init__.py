"""The autoencoders of diffusers, a family a module."""

from paramcount.formats.diffusers.autoencoders import (
    audio,
    deep_compression,
    hunyuan,
    image,
    kandinsky,
    ltx,
    ltx_diffusion,
    proteins,
    spectrograms,
    stable_diffusion,
    transformers,
    video,
    vocoders,
    wan,
)

FAMILIES = (
    audio,
    deep_compression,
    hunyuan,
    image,
    kandinsky,
    ltx,
    ltx_diffusion,
    proteins,
    spectrograms,
    stable_diffusion,
    transformers,
    video,
    vocoders,
    wan,
)
"""The modules that have `BUILDERS`."""
