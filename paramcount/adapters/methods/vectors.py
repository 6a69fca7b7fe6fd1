"""Methods whose matrices are random and shared, or made of shared vectors: each module trains little."""

from __future__ import annotations

from paramcount import Dim, Flag, Tensor, require
from paramcount.adapters.modules import LINEAR
from paramcount.adapters.registry import TargetModule, Tensors, method


def _projections(width: int, height: int, r: Dim = 256, save_projection: Flag = True) -> Tensors:
    """Random frozen matrices, large enough for the largest module."""
    if save_projection:
        yield Tensor("vera_A.default", (r, width), role="buffer")
        yield Tensor("vera_B.default", (height, r), role="buffer")


@method("VERA", LINEAR, shared=_projections)
def vera(module: TargetModule, r: Dim = 256, save_projection: Flag = True) -> Tensors:  # noqa: ARG001 # of the projections
    """Two scales around shared random matrices (tuners/vera/layer.py, model.py)."""
    yield Tensor("vera_lambda_b.default", (module.out_features,))
    yield Tensor("vera_lambda_d.default", (r,))


def _probable_projections(width: int, height: int, r: Dim = 256, save_projection: Flag = True) -> Tensors:
    if save_projection:
        yield Tensor("pvera_A.default", (2 * r, width), role="buffer")
        yield Tensor("pvera_B.default", (height, r), role="buffer")


@method("PVERA", LINEAR, shared=_probable_projections)
def pvera(module: TargetModule, r: Dim = 256, save_projection: Flag = True) -> Tensors:  # noqa: ARG001
    """VeRA with a mean and a variance (tuners/pvera/layer.py)."""
    yield Tensor("pvera_lambda_b.default", (module.out_features,))
    yield Tensor("pvera_lambda_d.default", (2 * r,))


def _bases(width: int, height: int, r: Dim = 32, save_projection: Flag = True) -> Tensors:
    smaller, larger = sorted((width, height))
    if save_projection:
        yield Tensor("randlora_A.default", (r, 1, smaller), role="buffer")
        yield Tensor("randlora_B.default", (larger, -(-smaller // r), r), role="buffer")


@method("RANDLORA", LINEAR, shared=_bases)
def randlora(module: TargetModule, r: Dim = 32, save_projection: Flag = True) -> Tensors:  # noqa: ARG001
    """Scales of as many random bases of rank r as make the full rank (tuners/randlora/layer.py)."""
    smaller = min(module.in_features, module.out_features)
    bases = -(-smaller // r)
    yield Tensor("randlora_lambda.default", (r, bases))
    yield Tensor("randlora_gamma.default", (bases, smaller))


def _bank(_width: int, _height: int, num_vectors: Dim = 256, vector_length: Dim = 256) -> Tensors:
    """The vectors that all modules choose from."""
    yield Tensor("vblora_vector_bank.default", (num_vectors, vector_length))


@method("VBLORA", LINEAR, shared=_bank)
def vblora(
    module: TargetModule, r: Dim = 4, num_vectors: Dim = 256, vector_length: Dim = 256, topk: Dim = 2
) -> Tensors:
    """Logits over the bank's vectors, for each piece of a LoRA's matrices (tuners/vblora/layer.py)."""
    require(topk <= num_vectors, "must be at most num_vectors", "topk")
    width, height = module.in_features, module.out_features
    divides = width % vector_length == 0 == height % vector_length
    require(divides, f"must divide both features of {module.path}", "vector_length")
    yield Tensor("vblora_logits_A.default", (r, width // vector_length, num_vectors))
    yield Tensor("vblora_logits_B.default", (height // vector_length, r, num_vectors))
