"""Nemotron-H: any list of layers, by their types or by a pattern of letters."""

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, Rewrite, SetFields

_LIST, _PATTERN = "layers_block_type", "hybrid_override_pattern"
_TYPES = {0: "linear_attention", 1: "moe", 2: "full_attention", 3: "mlp"}
_LETTERS = {"M": "linear_attention", "E": "moe", "*": "full_attention", "-": "mlp"}
_NAMES = {
    "mamba": "linear_attention", "attention": "full_attention", "linear_attention": "linear_attention",
    "full_attention": "full_attention", "moe": "moe", "mlp": "mlp",
}  # fmt: skip
_BY_DEFAULT = f"{_LIST} is None and {_PATTERN} is None"
_BY_PATTERN = f"{_LIST} is None and not {_PATTERN} is None"
_BY_LIST = f"not {_LIST} is None"
_PINS = frozenset(
    [
        f"not len({_LIST}) != len({_LIST})",
        "expand == 2",
        f"{_PATTERN} is None",
        "mamba_dt_init_floor is None",
        "mamba_dt_limit is None",
        "mamba_dt_max is None",
        "mamba_dt_min is None",
        "mlp_bias == False",
        f"mtp_{_PATTERN} is None",
        "n_group == 1",
        "n_groups == 8",
        "n_routed_experts == 8",
        "num_attention_heads == 32",
        "num_experts_per_tok == 2",
        "num_key_value_heads == 8",
        "routed_scaling_factor == 1.0",
        "ssm_state_size == 128",
        "time_step_floor == 0.0001",
        "time_step_max == 0.1",
        "time_step_min == 0.001",
        "topk_group == 1",
        "vocab_size == 131072",
    ]
)
_WIDTH = "mamba_num_heads * mamba_head_dim + 2 * n_groups * ssm_state_size"


def _changes(prefix: str) -> tuple[Change, ...]:
    name = prefix + "layers.{i}.mixer.conv1d.weight"
    return (
        SetFields({_PATTERN: "sn"}),
        Remove("given", _PINS),
        Replace("rules", rf"{_LIST}\[.*"),
        Append(
            "rules",
            (
                f"{_LIST}[] = {len(_TYPES)} where {_BY_DEFAULT}",
                f"{_LIST}[] = len({_PATTERN}) where {_BY_PATTERN}",
                f"{_LIST}[] = len({_LIST}) where {_BY_LIST}",
                f"{_LIST}[i] = {_TYPES}[i] for {len(_TYPES)} where {_BY_DEFAULT}",
                f"{_LIST}[i] = {_LETTERS}[letter({_PATTERN}, i)] for len({_PATTERN}) where {_BY_PATTERN}",
                f"{_LIST}[i] = {_NAMES}[{_LIST}[i]] for len({_LIST}) where {_BY_LIST}",
            ),
        ),
        Rewrite("tensors", f" for {len(_TYPES)}", f" for len({_LIST})"),
        Rewrite("tensors", "i < moe_latent_size", "not moe_latent_size is None"),
        Replace(
            "tensors",
            rf"{prefix}layers\.\{{i\}}\.mixer\.conv1d\.weight .*".replace("model.", r"model\."),
            (f"{name} [{_WIDTH}; 1; conv_kernel] for len({_LIST}) where {_LIST}[i] == 'linear_attention'",),
        ),
    )


_SMALL = {
    "hidden_size": 64, "vocab_size": 96, "intermediate_size": 48, "moe_intermediate_size": 24, "head_dim": 16,
    "moe_shared_expert_intermediate_size": 40, "mamba_num_heads": 4, "mamba_head_dim": 16, "num_attention_heads": 4,
    "num_key_value_heads": 2, "n_groups": 2, "ssm_state_size": 8, "n_routed_experts": 4,
}  # fmt: skip
_ALL = ["mamba", "mlp", "mamba", "attention", "moe"]

OVERRIDE = Override(
    reason=(
        "NemotronHConfig makes layers_block_type of hybrid_override_pattern, a letter a layer, and renames the types "
        "of older lists. The compiler takes no letters out of a text, and drew no lists of another length than the "
        "default's four layers: it took four for the number of layers, and pinned what it could not vary in them."
    ),
    classes={"NemotronHForCausalLM": _changes("model."), "NemotronHModel": _changes("")},
    proofs=(
        _SMALL,
        _SMALL | {_PATTERN: "M-M*E"},
        _SMALL | {_PATTERN: "M*-" * 5, "use_bias": True, "use_conv_bias": False, "conv_kernel": 3},
        _SMALL | {_LIST: _ALL, "num_hidden_layers": 52},
        _SMALL | {_LIST: _ALL, "mlp_bias": True},
        _SMALL | {_LIST: _ALL, "mlp_bias": True, "moe_latent_size": 12},
        _SMALL | {_LIST: _ALL[::-1] * 3, "moe_latent_size": 2, "expand": 4, "n_groups": 1},
        _SMALL | {_LIST: ["moe"], "topk_group": 2, "n_group": 2, "num_experts_per_tok": 1},
        _SMALL | {_LIST: ["linear_attention"], "time_step_min": 0.01, "time_step_max": 0.2, "time_step_floor": 0.001},
    ),
    refused=(_SMALL | {_PATTERN: "MX"}, _SMALL | {_LIST: ["mamba", "mine"]}),
)
