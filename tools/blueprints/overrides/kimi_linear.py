"""Kimi Linear as it is published: the layers and the sizes of linear attention in an object."""

from tools.blueprints.overrides.changes import Append, Change, Override, Replace, Rewrite, SetFields

_OBJECT = "linear_attn_config"
_FULL, _LINEAR = f"{_OBJECT}.full_attn_layers", f"{_OBJECT}.kda_layers"
_LISTED = f"(not {_FULL} is None and not {_LINEAR} is None)"
_SIZES = {
    "head_dim": "linear_head_dim",
    "num_heads": "linear_num_heads",
    "short_conv_kernel_size": "linear_conv_kernel_dim",
}
_UNLISTED = "layer_types is None and"
_MARKED = f"{_UNLISTED} {_LISTED} and not i + 1 in {_FULL} and i + 1 in {_LINEAR}"
_RULES = tuple(
    f"{field} = {value} where {where}"
    for name, field in _SIZES.items()
    for value, where in (
        (f"{_OBJECT}.{name}", f"not {_OBJECT}.{name} is None"),
        (field, f"{_OBJECT}.{name} is None"),
    )
)

_CHANGES: tuple[Change, ...] = (
    SetFields(
        {_OBJECT: "ad", _FULL: "aIE", _LINEAR: "aIE", "layer_types": "nS"}
        | {f"{_OBJECT}.{name}": "ai" for name in _SIZES}
    ),
    Replace(
        "given",
        rf"{_OBJECT} is None",
        (
            *(
                f"{layers} is None or len({layers}) == 0 or (min({layers}) > 0 and max({layers}) <= num_hidden_layers)"
                for layers in (_FULL, _LINEAR)
            ),
            f"not {_LISTED} or not layer_types is None or len({_FULL}) + len({_LINEAR}) == num_hidden_layers",
        ),
    ),
    Rewrite("rules", f"where {_UNLISTED} (i < 4 or", f"where {_UNLISTED} not {_LISTED} and (i < 4 or"),
    Rewrite("rules", "i % 4 == 0 and layer_types is None", f"i % 4 == 0 and {_UNLISTED} not {_LISTED}"),
    Append(
        "rules",
        (
            f"layer_types[i] = 'full_attention' for num_hidden_layers where {_UNLISTED} {_LISTED} and i + 1 in {_FULL}",
            f"layer_types[i] = 'linear_attention' for num_hidden_layers where {_MARKED}",
            *_RULES,
        ),
    ),
)
_SMALL = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 24, "moe_intermediate_size": 12, "num_hidden_layers": 5,
    "num_attention_heads": 4, "num_key_value_heads": 4, "kv_lora_rank": 10, "qk_rope_head_dim": 4,
    "qk_nope_head_dim": 6, "v_head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2, "pad_token_id": 0,
}  # fmt: skip
_LAYERS = {"full_attn_layers": [2, 5], "kda_layers": [1, 3, 4]}

OVERRIDE = Override(
    reason=(
        "KimiLinearConfig takes sizes of linear attention, and which layers have it, out of linear_attn_config, an "
        "object, of which the compiler reads nothing."
    ),
    classes={"KimiLinearForCausalLM": _CHANGES, "KimiLinearModel": _CHANGES},
    proofs=(
        _SMALL,
        {**_SMALL, _OBJECT: {"head_dim": 6, "num_heads": 3, "short_conv_kernel_size": 3, **_LAYERS}},
        {**_SMALL, _OBJECT: {"num_heads": 3, "full_attn_layers": [2, 5]}, "linear_head_dim": 10},
        {**_SMALL, _OBJECT: _LAYERS, "layer_types": ["full_attention"] * 3 + ["linear_attention"] * 2},
    ),
    refused=(
        {**_SMALL, _OBJECT: {**_LAYERS, "full_attn_layers": [2]}},
        {**_SMALL, _OBJECT: {**_LAYERS, "kda_layers": [1, 3, 6]}},
        {**_SMALL, _OBJECT: {"head_dim": None}},
    ),
    defaults=dict.fromkeys([_FULL, _LINEAR, *(f"{_OBJECT}.{name}" for name in _SIZES)]),
)
