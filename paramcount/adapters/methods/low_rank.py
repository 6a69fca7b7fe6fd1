"""LoRA and its variants: two thin matrices beside a module's weight."""

from __future__ import annotations

from paramcount import Anything, Dim, Flag, Size, Tensor, require
from paramcount.adapters.modules import LINEAR
from paramcount.adapters.registry import TargetModule, Tensors, method, pair

_CONVOLUTIONS = "Conv1d Conv2d Conv3d"


@method("LORA", f"{LINEAR} Embedding {_CONVOLUTIONS} MultiheadAttention", r="rank_pattern")
def lora(
    module: TargetModule,
    r: Dim = 8,
    use_dora: Flag = False,
    lora_bias: Flag = False,
    init_lora_weights: Anything = True,
) -> Tensors:
    """W + B·A: lora_A r×in, lora_B out×r; with DoRA a magnitude for each output (tuners/lora/layer.py)."""
    is_mica = init_lora_weights == "mica"  # MiCA trains A alone
    require(not (is_mica and use_dora), "is mica, which goes with no other variant of LoRA", "init_lora_weights")
    require(not (lora_bias and use_dora), "does not go with use_dora", "lora_bias")
    if isinstance(init_lora_weights, str):
        _check_initialisation(module, r, init_lora_weights)
        require(not lora_bias, "needs init_lora_weights to be true or false", "lora_bias")
    if module.kind == "Embedding":
        require(not lora_bias, f"is not supported by an embedding, such as {module.path}", "lora_bias")
        yield from _embedding(module, r, is_mica)
    elif module.kind in _CONVOLUTIONS:
        require(not is_mica, f"is mica, which convolutions such as {module.path} do not support", "init_lora_weights")
        yield from _convolution(module, r, use_dora)
    else:
        width, height = module.in_features, module.out_features
        if module.kind == "Conv1D" and init_lora_weights == "olora":  # its factors are of the transposed weight
            width, height = height, width
        yield Tensor("lora_A.default.weight", (r, width))
        yield Tensor("lora_B.default.weight", (height, r), trainable=not is_mica)
    if lora_bias:
        yield Tensor("lora_B.default.bias", (module.out_features,))
    if module.kind == "MultiheadAttention":
        require(not use_dora, f"is not supported by attention such as {module.path}", "use_dora")
        require(not is_mica, f"is mica, which attention such as {module.path} does not support", "init_lora_weights")
        yield from _attention_output(module, r, lora_bias)
    if use_dora:
        ones = (1,) * len(module.kernel)
        yield Tensor(
            "lora_magnitude_vector.default.weight", (1, module.out_features, *ones) if ones else (module.out_features,)
        )


def _check_initialisation(module: TargetModule, r: int, initialisation: str) -> None:
    """Refuse a rank above the weight's, where the initialisation factorises the weight."""
    if initialisation == "orthogonal" and module.kind != "Embedding":
        require(r % 2 == 0, "must be even for the orthogonal initialisation", "r")
    elif initialisation.startswith(("pissa", "olora", "mica", "corda")):
        max_rank = min(module.in_features, module.out_features)
        require(r <= max_rank, f"must be at most {max_rank:,}, the rank of {module.path}, for {initialisation}", "r")


def _embedding(module: TargetModule, r: int, is_mica: bool) -> Tensors:
    """in_features vectors of out_features each."""
    yield Tensor("lora_embedding_A.default", (r, module.in_features))
    yield Tensor("lora_embedding_B.default", (module.out_features, r), trainable=not is_mica)


def _convolution(module: TargetModule, r: int, use_dora: bool) -> Tensors:
    """A has the kernel and no groups, B the groups and a kernel of ones."""
    groups = module.groups
    require(groups > 0, f"hits {module.path}, whose groups are not known", "target_modules")
    require(r % groups == 0, f"must be divisible by the {groups} groups of {module.path}", "r")
    require(groups == 1 or not use_dora, f"is not supported by {module.path}, which has groups", "use_dora")
    yield Tensor("lora_A.default.weight", (r, module.in_features, *module.kernel))
    yield Tensor("lora_B.default.weight", (module.out_features, r // groups, *(1,) * len(module.kernel)))


def _attention_output(module: TargetModule, r: int, lora_bias: bool) -> Tensors:
    """MultiheadAttention: in_proj is adapted as one matrix of three; its out_proj is adapted too."""
    width = module.in_features
    yield Tensor("base_layer.out_proj.lora_A.default.weight", (r, width))
    yield Tensor("base_layer.out_proj.lora_B.default.weight", (width, r))
    if lora_bias:
        yield Tensor("base_layer.out_proj.lora_B.default.bias", (width,))


@method("ADALORA", f"{LINEAR} Conv2d")
def adalora(module: TargetModule, total_step: Anything, init_r: Size = 12, use_dora: Flag = False) -> Tensors:
    """W + B·E·A, E diagonal; the number of ranks is a frozen parameter (tuners/adalora/layer.py)."""
    is_count = isinstance(total_step, int) and not isinstance(total_step, bool) and total_step > 0
    require(is_count, "must be a number of steps above 0", "total_step")
    require(not use_dora, "is not supported by AdaLoRA", "use_dora")
    width = module.in_features
    for length in module.kernel:
        width *= length
    yield Tensor("lora_A.default", (init_r, width))
    yield Tensor("lora_B.default", (module.out_features, init_r))
    yield Tensor("lora_E.default", (init_r, 1))
    yield Tensor("ranknum.default", (1,), trainable=False)


@method("DELORA", "Linear", r="rank_pattern")
def delora(module: TargetModule, r: Dim = 8) -> Tensors:
    """W + λ·B·A, B and A normalised (tuners/delora/layer.py)."""
    yield from pair("delora", (r, module.in_features), (module.out_features, r))
    yield Tensor("delora_lambda.default", (1,))
    yield Tensor("delora_w_norm.default", (module.in_features,), role="buffer")


@method("HIRA", f"{LINEAR} Embedding {_CONVOLUTIONS}")
def hira(module: TargetModule, r: Dim = 32) -> Tensors:
    """W·(B·A), element by element (tuners/hira/layer.py, which goes by r, whatever rank_pattern says)."""
    kernel, ones = module.kernel, (1,) * len(module.kernel)
    require(module.groups == 1, f"hits {module.path}, which has groups: HiRA does not support them", "target_modules")
    name = "hira_embedding" if module.kind == "Embedding" else "hira"
    yield from pair(name, (r, module.in_features, *kernel), (module.out_features, r, *ones))


@method("GRALORA", LINEAR)
def gralora(module: TargetModule, r: Dim = 32, gralora_k: Dim = 2, hybrid_r: Size = 0) -> Tensors:
    """k blocks each way, an adapter for each; with hybrid_r a LoRA beside them (tuners/gralora/layer.py)."""
    width, height = module.in_features, module.out_features
    require(r % gralora_k == 0, "must be divisible by gralora_k", "r")
    require(width % gralora_k == 0 == height % gralora_k, f"must divide both features of {module.path}", "gralora_k")
    yield from pair("gralora", (gralora_k, width // gralora_k, r), (gralora_k, r, height // gralora_k))
    if hybrid_r:
        yield Tensor("gralora_A_general.default.weight", (hybrid_r, width))
        yield Tensor("gralora_B_general.default.weight", (height, hybrid_r))


@method("POLY", "Linear")
def poly(
    module: TargetModule,
    r: Dim = 8,
    n_tasks: Dim = 1,
    n_skills: Dim = 4,
    n_splits: Dim = 1,
    poly_type: Anything = "poly",
) -> Tensors:
    """A LoRA for each skill and split, and the router's logits (tuners/poly/layer.py, router.py)."""
    require(poly_type == "poly", 'must be "poly"', "poly_type")
    yield Tensor("poly_lora_A.default", (n_splits, n_skills, module.in_features // n_splits, r))
    yield Tensor("poly_lora_B.default", (n_splits, n_skills, r, module.out_features // n_splits))
    yield Tensor("poly_router.default.module_logits", (n_tasks, n_splits * n_skills))
