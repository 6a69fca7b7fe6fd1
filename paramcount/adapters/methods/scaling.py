"""Methods that scale what flows, or train a module's own small tensors."""

from __future__ import annotations

from paramcount import Anything, Dim, Tensor, require
from paramcount.adapters.modules import LINEAR
from paramcount.adapters.registry import TargetModule, Tensors, method


@method("LN_TUNING", "*", copies_to="ln_tuning_layers")
def ln_tuning(module: TargetModule) -> Tensors:  # noqa: ARG001 # the copy is all
    """A copy of each module, of whatever kind (tuners/ln_tuning/layer.py)."""
    yield from ()


@method("IA3", f"{LINEAR} Conv2d Conv3d")
def ia3(module: TargetModule, is_feedforward: Anything = False) -> Tensors:
    """A scale for each output; in a feedforward module, for each input (tuners/ia3/layer.py)."""
    length = module.in_features if is_feedforward else module.out_features
    if module.kernel:
        yield Tensor("ia3_l.default", (1, length, *(1,) * len(module.kernel)))
    else:
        yield Tensor("ia3_l.default", (1, length) if is_feedforward else (length, 1))


@method("MISS", "Linear")
def miss(module: TargetModule, r: Dim = 64, mini_r: Dim = 1, init_weights: Anything = True) -> Tensors:
    """One block, repeated along the inputs (tuners/miss/layer.py)."""
    width, height = module.in_features, module.out_features
    require(r <= width, f"must be at most the {width:,} inputs of {module.path}", "r")
    if init_weights == "bat":
        require(width % r == 0 == height % r, f"must divide both features of {module.path}", "r")
        yield Tensor("miss_block.default", (height // r, r, r))
    elif init_weights == "mini":
        require(height % mini_r == 0, f"must divide the outputs of {module.path}", "mini_r")
        yield Tensor("miss_block.default", (r, mini_r))
    else:
        yield Tensor("miss_block.default", (r, height))


@method("TRAINABLE_TOKENS", "Embedding Linear")
def trainable_tokens(module: TargetModule, token_indices: Anything = None) -> Tensors:
    """The rows of some tokens (tuners/trainable_tokens/layer.py)."""
    rows = module.weight[0]
    are_rows = isinstance(token_indices, list) and all(
        type(token) is int and -rows <= token < rows for token in token_indices
    )
    require(are_rows, f"must be a list of rows of {module.path}, which has {rows:,}", "token_indices")
    yield Tensor("trainable_tokens_delta.default", (len(token_indices), module.weight[1]))
