"""The UNets and ControlNets of diffusers, a family a module."""

from paramcount.formats.diffusers.unets import (
    audioldm2,
    cascade,
    condition,
    control_transformers,
    control_union,
    control_xs,
    dreamlite,
    kandinsky3,
    motion,
    spatio_temporal,
    unet_1d,
    unets_3d,
)

FAMILIES = (
    audioldm2,
    cascade,
    condition,
    control_transformers,
    control_union,
    control_xs,
    dreamlite,
    kandinsky3,
    motion,
    spatio_temporal,
    unet_1d,
    unets_3d,
)
"""The modules that have `BUILDERS`."""
