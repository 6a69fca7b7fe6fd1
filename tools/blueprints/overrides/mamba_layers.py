"""Models with layers of Mamba 2: the words of older lists of layers, and a width that the config states."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Append, Change, Override, Remove, Replace, Rewrite

_ALLOWED = (
    "chunked_attention", "compressed_sparse_attention", "full_attention", "heavily_compressed_attention",
    "indexed_attention", "linear_attention", "minimax_m3_sparse", "sliding_attention", "window_attention",
)  # fmt: skip
_NAMES = {name: name for name in _ALLOWED} | {
    "mamba": "linear_attention", "attention": "full_attention", "deepseek_sparse_attention": "indexed_attention",
    "qwen_sparse_attention": "indexed_attention",
}  # fmt: skip
_LISTED = "for num_hidden_layers where not layer_types is None"

_GRANITE: tuple[Change, ...] = (
    Remove("assumed", frozenset(["position_embedding_type == 'rope'"])),
    Append("given", ("layer_types is None or len(layer_types) == num_hidden_layers",)),
    Replace(
        "rules",
        rf"layer_types\[i\] = layer_types\[i\] {_LISTED}",
        (f"layer_types[i] = {_NAMES}[layer_types[i]] {_LISTED}",),
    ),
)
_GRANITE_SMALL = {
    "vocab_size": 90, "hidden_size": 32, "intermediate_size": 24, "shared_intermediate_size": 40,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_local_experts": 3, "mamba_n_heads": 8, "mamba_d_state": 12,
}  # fmt: skip
_GRANITE_TURNS = {"num_hidden_layers": 3, "layer_types": ["mamba", "attention", "mamba"], "mamba_d_head": 8}

_WIDTH = "mamba_expand * hidden_size"
_UNSTATED = (
    f"not {_WIDTH} % mamba_n_heads != 0",
    f"not {_WIDTH} // mamba_n_heads * mamba_n_heads != {_WIDTH}",
)
_FALCON: tuple[Change, ...] = (
    Remove("given", frozenset(_UNSTATED)),
    Append("given", tuple(f"not mamba_d_ssm is None or {clause}" for clause in _UNSTATED)),
)
_FALCON_SMALL = {
    "vocab_size": 90, "hidden_size": 40, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "mamba_n_heads": 6, "mamba_d_state": 12,
}  # fmt: skip

OVERRIDES: Mapping[str, Override] = {
    "granitemoehybrid": Override(
        reason=(
            'PreTrainedConfig renames the words of older lists of layers ("mamba", "attention"), and a rotary '
            "embedding, which has no tensors, is built for one position_embedding_type only. The compiler drew "
            "neither; and it took the null of head_dim for a number of layers where there are biases."
        ),
        classes={
            "GraniteMoeHybridForCausalLM": _GRANITE,
            "GraniteMoeHybridModel": (*_GRANITE, Rewrite("tensors", "i < head_dim", "not head_dim is None")),
        },
        proofs=(
            _GRANITE_SMALL | _GRANITE_TURNS,
            _GRANITE_SMALL | _GRANITE_TURNS | {"position_embedding_type": "nope", "tie_word_embeddings": True},
            _GRANITE_SMALL | _GRANITE_TURNS | {"position_embedding_type": "rope", "num_local_experts": 0},
            _GRANITE_SMALL | {"num_hidden_layers": 6, "layer_types": ["attention"] * 5 + ["linear_attention"],
                              "head_dim": 4, "attention_bias": True, "mamba_proj_bias": True},
        ),
        refused=(
            _GRANITE_SMALL | _GRANITE_TURNS | {"mamba_d_head": 16},
            _GRANITE_SMALL | _GRANITE_TURNS | {"num_hidden_layers": 2},
            _GRANITE_SMALL | {"num_hidden_layers": 1, "layer_types": ["mine"]},
        ),
    ),
    "falcon_h1": Override(
        reason=(
            "FalconH1Config asks mamba_n_heads to divide mamba_expand * hidden_size where mamba_d_ssm is null only. "
            "The compiler took both conditions for any config."
        ),
        classes={"FalconH1ForCausalLM": _FALCON, "FalconH1Model": _FALCON},
        proofs=(
            _FALCON_SMALL | {"mamba_d_ssm": 48, "mamba_d_head": 8},
            _FALCON_SMALL | {"mamba_d_ssm": 36, "head_dim": 6, "mamba_rms_norm": True, "mamba_n_groups": 2},
            _FALCON_SMALL | {"mamba_d_ssm": None, "hidden_size": 48, "tie_word_embeddings": True},
        ),
        refused=(
            _FALCON_SMALL | {"mamba_d_ssm": 40},
            _FALCON_SMALL | {"mamba_d_ssm": None},
            _FALCON_SMALL | {"mamba_d_ssm": 48, "mamba_d_head": 6},
        ),
    ),
}  # fmt: skip
