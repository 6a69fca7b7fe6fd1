"""Methods that learn some entries of a change, in some basis."""

from __future__ import annotations

from paramcount import Anything, Dim, Flag, Tensor, require
from paramcount.adapters.modules import LINEAR
from paramcount.adapters.registry import TargetModule, Tensors, method


@method("FOURIERFT", LINEAR, n_frequency="n_frequency_pattern")
def fourierft(module: TargetModule, n_frequency: Dim = 1000) -> Tensors:
    """Entries of the change's spectrum (tuners/fourierft/layer.py)."""
    require(n_frequency <= module.size, f"must be at most the {module.size:,} weights of {module.path}", "n_frequency")
    yield Tensor("fourierft_spectrum.default", (n_frequency,))


@method("WAVEFT", LINEAR, n_frequency="n_frequency_pattern")
def waveft(module: TargetModule, n_frequency: Dim = 2592, proportional_parameters: Flag = False) -> Tensors:
    """Entries of the change's wavelet transform (tuners/waveft/layer.py)."""
    require(not proportional_parameters, "is not counted: state n_frequency_pattern", "proportional_parameters")
    require(n_frequency <= module.size, f"must be at most the {module.size:,} weights of {module.path}", "n_frequency")
    yield Tensor("waveft_spectrum.default", (n_frequency,))


@method("SHIRA", "Linear")
def shira(module: TargetModule, r: Dim = 32, mask_type: Anything = "random") -> Tensors:
    """As many entries of the weight as a LoRA of rank r would have (tuners/shira/layer.py)."""
    require(mask_type == "random", 'must be "random": another mask is code of your own', "mask_type")
    entries = r * (module.in_features + module.out_features)
    require(entries <= module.size, f"makes more entries than the {module.size:,} weights of {module.path}", "r")
    yield Tensor("shira_weight.default", (entries,))


@method("C3A", "Linear", block_size="block_size_pattern")
def c3a(module: TargetModule, block_size: Dim = 256) -> Tensors:
    """Circulant blocks, each its first row (tuners/c3a/layer.py)."""
    width, height = module.in_features, module.out_features
    require(width % block_size == 0 == height % block_size, f"must divide both features of {module.path}", "block_size")
    yield Tensor("c3a_kernel.default", (height // block_size, width // block_size, block_size))
