"""Methods that turn a weight instead of adding to it."""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

from paramcount import Dim, Flag, Size, Tensor, Text, require
from paramcount.adapters.methods.widths import require_divisible_width
from paramcount.adapters.registry import TargetModule, Tensors, method
from paramcount.schema.signature import MAX_DIMENSION


def _rotated_features(module: TargetModule, max_groups: int = 1) -> int:
    """Return the number of features that are rotated: the inputs; of a convolution a patch of them.

    PEFT takes every kernel for a square.
    """
    supported = 0 < module.groups <= max_groups
    require(supported, f"hits {module.path}, which has groups: they are not supported", "target_modules")
    return module.in_features * (module.kernel[0] ** 2 if module.kernel else 1)


@method("OFT", "Linear Conv2d Embedding")
def oft(module: TargetModule, oft_block_size: Size, r: Size = 0, block_share: Flag = False) -> Tensors:
    """r blocks on the diagonal, each skew-symmetric: size·(size - 1) / 2 numbers (tuners/oft/layer.py)."""
    require((r == 0) != (oft_block_size == 0), "or oft_block_size must be 0, and not both", "r")
    require(not module.dilated, f"hits {module.path}, whose kernel is dilated", "target_modules")
    width = module.out_features if module.kind == "Embedding" else _rotated_features(module, MAX_DIMENSION)
    require_divisible_width(module, width)
    if r == 0:
        size = _nearest_divisor(width, oft_block_size)
        r = width // size
    else:
        r = _nearest_divisor(width, r)
        size = width // r
    name = "oft_embedding_R" if module.kind == "Embedding" else "oft_R"
    yield Tensor(f"{name}.default.weight", (1 if block_share else r, size * (size - 1) // 2))


def _nearest_divisor(width: int, wanted: int) -> int:
    """Return the divisor of `width` nearest to `wanted`, the smaller of two (OFTLayer.adjust_oft_parameters)."""
    if wanted >= width:
        return width
    above = min(number for number in _list_divisors(width) if number >= wanted)
    below = max(number for number in _list_divisors(width) if number <= wanted)
    return below if wanted - below <= above - wanted else above


@lru_cache(maxsize=1024)
def _list_divisors(width: int) -> tuple[int, ...]:
    small = [number for number in range(1, isqrt(width) + 1) if width % number == 0]
    return (*small, *(width // number for number in small))


@method("BOFT", "Linear Conv2d")
def boft(
    module: TargetModule, boft_block_size: Size = 4, boft_block_num: Size = 0, boft_n_butterfly_factor: Dim = 1
) -> Tensors:
    """One butterfly factor of blocks, and a scale for each output (tuners/boft/layer.py)."""
    require(
        (boft_block_size == 0) != (boft_block_num == 0), "or boft_block_num must be 0, and not both", "boft_block_size"
    )
    require(boft_n_butterfly_factor == 1, "above 1 is used on CUDA and ignored elsewhere", "boft_n_butterfly_factor")
    width = _rotated_features(module)
    divisor, name = (boft_block_size, "boft_block_size") if boft_block_size else (boft_block_num, "boft_block_num")
    require(width % divisor == 0, f"must divide the {width:,} inputs of {module.path}", name)
    size = boft_block_size or width // boft_block_num
    yield Tensor("boft_R.default", (1, width // size, size, size))
    yield Tensor("boft_s.default", (1, module.out_features) if module.kernel else (module.out_features, 1))


@method("HRA", "Linear Conv2d")
def hra(module: TargetModule, r: Dim = 8) -> Tensors:
    """r reflections (tuners/hra/layer.py)."""
    yield Tensor("hra_u.default", (_rotated_features(module), r))


@method("ROAD", "Linear")
def road(module: TargetModule, variant: Text = "road_1", group_size: Dim = 64) -> Tensors:
    """Angles and scales of pairs of outputs (tuners/road/layer.py)."""
    sizes = {"road_1": module.out_features // 2, "road_2": module.out_features, "road_4": module.out_features * 2}
    require(variant in sizes, f"must be one of {', '.join(sizes)}", "variant")
    require(group_size % 2 == 0, "must be even", "group_size")
    require(module.out_features % group_size == 0, f"must divide the outputs of {module.path}", "group_size")
    yield Tensor("road_theta.default", (sizes[variant],))
    yield Tensor("road_alpha.default", (sizes[variant],))
