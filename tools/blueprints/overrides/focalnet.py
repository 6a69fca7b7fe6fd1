"""FocalNet: stages that double their width, with layers of focal levels, each with a larger kernel."""

from collections.abc import Iterator, Mapping
from typing import Any

from tools.blueprints.overrides.changes import Override, Write

_WIDTH = "embed_dim * 2 ** i"
_LAST = "embed_dim * 2 ** (len(depths) - 1)"
_KERNEL = "2 * k + focal_windows[i]"


def _affine(name: str, weight: str, rest: str = "") -> Iterator[str]:
    """Yield the clauses of a weight and a bias as long as its first axis."""
    yield f"{name}.weight [{weight}]{rest}"
    yield f"{name}.bias [{weight.partition(';')[0]}]{rest}"


def _tensors(prefix: str) -> Iterator[str]:
    """Yield the clauses of FocalNetModel with names that begin with `prefix`."""
    patch = "7 if use_conv_embed else patch_size"
    projection = f"embed_dim; num_channels; {patch}; {patch}"
    yield from _affine(f"{prefix}embeddings.patch_embeddings.projection", projection)
    yield from _affine(f"{prefix}embeddings.norm", "embed_dim")
    stage, layers = f"{prefix}encoder.stages.{{i}}.", " for len(depths); depths[i]"
    layer = f"{stage}layers.{{j}}."
    for norm in ("norm1", "norm2"):
        yield from _affine(f"{layer}{norm}", _WIDTH, layers)
    gates = f"2 * {_WIDTH} + focal_levels[i] + 1"
    yield from _affine(f"{layer}modulation.projection_in", f"{gates}; {_WIDTH}", layers)
    yield from _affine(f"{layer}modulation.projection_context", f"{_WIDTH}; {_WIDTH}; 1; 1", layers)
    yield from _affine(f"{layer}modulation.projection_out", f"{_WIDTH}; {_WIDTH}", layers)
    kernels = f"[{_WIDTH}; 1; {_KERNEL}; {_KERNEL}]{layers}; focal_levels[i]"
    yield f"{layer}modulation.focal_layers.{{k}}.0.weight {kernels}"
    yield from _affine(f"{layer}modulation.layernorm", _WIDTH, f"{layers} where use_post_layernorm_in_modulation")
    hidden = f"int({_WIDTH} * mlp_ratio)"
    yield from _affine(f"{layer}mlp.fc1", f"{hidden}; {_WIDTH}", layers)
    yield from _affine(f"{layer}mlp.fc2", f"{_WIDTH}; {hidden}", layers)
    for gamma in ("gamma_1", "gamma_2"):
        yield f"{layer}{gamma} [{_WIDTH}]{layers} where use_layerscale"
    kernel, halved = "3 if use_conv_embed else 2", " for len(depths) where i + 1 < len(depths)"
    yield from _affine(f"{stage}downsample.projection", f"2 * {_WIDTH}; {_WIDTH}; {kernel}; {kernel}", halved)
    yield from _affine(f"{stage}downsample.norm", f"2 * {_WIDTH}", halved)
    yield from _affine(f"{prefix}layernorm", _LAST)


def _record(prefix: str, *others: str, **kinds: str) -> Mapping[str, Any]:
    """The record of a class with names that begin with `prefix`, others' clauses, and the kinds of their fields."""
    fields = {
        "depths": "I", "embed_dim": "i", "focal_levels": "I", "focal_windows": "I", "hidden_act": "s",
        "mlp_ratio": "f", "num_channels": "i", "patch_size": "i", "use_conv_embed": "b", "use_layerscale": "b",
        "use_post_layernorm_in_modulation": "b",
    }  # fmt: skip
    return {
        "fields": dict(sorted((fields | kinds).items())),
        "given": [
            "is_activation(hidden_act)",
            "len(focal_levels) >= len(depths)",
            "len(focal_windows) >= len(depths)",
            "int(embed_dim * mlp_ratio) > 0",
        ],
        "assumed": [],
        "rules": [],
        "tensors": [*_tensors(prefix), *others],
    }


_SMALL = {"embed_dim": 8, "depths": [1, 2, 1, 3], "hidden_sizes": [16, 32, 64, 64], "image_size": 64}

OVERRIDE = Override(
    reason=(
        "FocalNetLayer has a convolution for each of focal_levels[i], whose kernel grows with its number. The compiler "
        "knows stages, layers and levels at once only by their number."
    ),
    classes={
        "FocalNetBackbone": (Write(_record("focalnet.")),),
        "FocalNetForImageClassification": (
            Write(
                _record(
                    "focalnet.",
                    f"classifier.weight [num_labels; {_LAST}] where num_labels > 0",
                    "classifier.bias [num_labels] where num_labels > 0",
                    num_labels="i",
                )
            ),
        ),
        "FocalNetForMaskedImageModeling": (
            Write(
                _record(
                    "focalnet.",
                    "focalnet.embeddings.mask_token [1; 1; embed_dim]",
                    *_affine("decoder.0", f"encoder_stride ** 2 * num_channels; {_LAST}; 1; 1"),
                    encoder_stride="i",
                )
            ),
        ),
        "FocalNetModel": (Write(_record("")),),
    },
    proofs=(
        {"hidden_sizes": [192, 384, 768, 768]},
        _SMALL,
        _SMALL | {"focal_levels": [3, 1, 2, 4], "focal_windows": [5, 3, 7, 3], "use_conv_embed": True},
        _SMALL | {"use_layerscale": True, "mlp_ratio": 2.5, "num_channels": 1, "patch_size": 2, "encoder_stride": 16},
        _SMALL | {"use_post_layernorm_in_modulation": True, "use_post_layernorm": True, "normalize_modulator": True},
        _SMALL | {"depths": [2, 1], "id2label": {str(label): f"LABEL_{label}" for label in range(5)}},
    ),
    refused=({"hidden_act": "prelu"}, {"focal_levels": [2, 2]}, {"mlp_ratio": 0.0}, {"patch_size": [4, 4]}),
)
