"""LoHa and LoKr: products of matrices other than the common one."""

from __future__ import annotations

from functools import lru_cache
from math import isqrt

from paramcount import Dim, Flag, Int, Tensor
from paramcount.adapters.methods.widths import require_divisible_width
from paramcount.adapters.registry import TargetModule, Tensors, method


@method("LOHA", "Linear Conv1d Conv2d", r="rank_pattern")
def loha(module: TargetModule, r: Dim = 8, use_effective_conv2d: Flag = False) -> Tensors:
    """(w1_a·w1_b) ∘ (w2_a·w2_b); a kernel is unrolled, or has a core of its own (tuners/loha/layer.py)."""
    out, width, *kernel = module.weight
    effective = use_effective_conv2d and any(length != 1 for length in kernel)
    if not effective:
        for length in kernel:
            width *= length
    for side in ("1", "2"):
        if effective:
            yield Tensor(f"hada_t{side}.default", (r, r, *_two_axes(kernel)))
            yield Tensor(f"hada_w{side}_a.default", (r, out))
        else:
            yield Tensor(f"hada_w{side}_a.default", (out, r))
        yield Tensor(f"hada_w{side}_b.default", (r, width))


@method("LOKR", "Linear Conv1d Conv2d", r="rank_pattern")
def lokr(
    module: TargetModule,
    r: Dim = 8,
    use_effective_conv2d: Flag = False,
    decompose_both: Flag = False,
    decompose_factor: Int = -1,
) -> Tensors:
    """w1 ⊗ w2, both or the larger one of low rank (tuners/lokr/layer.py)."""
    out, width, *kernel = module.weight
    require_divisible_width(module, max(out, width))
    in_m, in_n = factorize(width, decompose_factor)
    out_l, out_k = factorize(out, decompose_factor)
    if not (decompose_both and r < max(out_l, in_m) / 2):
        yield Tensor("lokr_w1.default", (out_l, in_m))
    else:
        yield Tensor("lokr_w1_a.default", (out_l, r))
        yield Tensor("lokr_w1_b.default", (r, in_m))
    if r >= max(out_k, in_n) / 2:
        yield Tensor("lokr_w2.default", (out_k, in_n, *kernel))
    elif use_effective_conv2d and any(length != 1 for length in kernel):
        yield Tensor("lokr_t2.default", (r, r, *_two_axes(kernel)))
        yield Tensor("lokr_w2_a.default", (r, out_k))
        yield Tensor("lokr_w2_b.default", (r, in_n))
    else:
        for length in kernel:
            in_n *= length
        yield Tensor("lokr_w2_a.default", (out_k, r))
        yield Tensor("lokr_w2_b.default", (r, in_n))


def _two_axes(kernel: list[int]) -> tuple[int, ...]:
    """Return a kernel of two axes; the second one that it lacks is 1."""
    return (*kernel, 1) if len(kernel) == 1 else tuple(kernel)


@lru_cache(maxsize=1024)
def factorize(dimension: int, factor: int = -1) -> tuple[int, int]:
    """Return two factors of `dimension` (tuners/lokr/layer.py).

    The first is `factor` where that divides it, else the largest divisor that is neither above `factor` (-1: any) nor
    above the second.
    """
    if factor > 0 and dimension % factor == 0:
        return factor, dimension // factor
    largest = isqrt(dimension) if factor == -1 else min(isqrt(dimension), factor)
    smaller = next((divisor for divisor in range(largest, 1, -1) if dimension % divisor == 0), 1)
    return smaller, dimension // smaller
