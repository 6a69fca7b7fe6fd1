"""Classes of which only the defaults could be learned, beside others of the same config that hold the same parts."""

from collections.abc import Mapping

from tools.blueprints.overrides.changes import Append, Override, SetFields, Unwrap, Wrap

_TIME = "The compiler had no time to learn both."
_HEAD = "lm_head.weight [vocab_size; hidden_size]"
_TIED = "where tie_word_embeddings tied to model.embed_tokens.weight"
_DEEPSEEK = {
    "hidden_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4, "head_dim": 16, "vocab_size": 90,
    "moe_intermediate_size": 24, "n_routed_experts": 8, "num_experts_per_tok": 2, "q_lora_rank": 32, "o_groups": 2,
    "o_lora_rank": 12, "index_n_heads": 4, "index_head_dim": 16,
}  # fmt: skip
_ARIA: dict[str, dict[str, object]] = {
    "text_config": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48},
    "vision_config": {"model_type": "idefics3_vision", "hidden_size": 32, "num_hidden_layers": 3,
                      "num_attention_heads": 2, "intermediate_size": 40},
}  # fmt: skip
_GIT = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96, "vocab_size": 70}
_SWITCH = {"d_model": 48, "d_kv": 12, "d_ff": 40, "num_layers": 4, "num_heads": 3, "vocab_size": 70, "num_experts": 5}

OVERRIDES: Mapping[str, Override] = {
    "aria": Override(
        reason=f"AriaForConditionalGeneration is AriaModel as `model`, and a head. {_TIME}",
        classes={"AriaModel": (Unwrap("AriaForConditionalGeneration", "model."),)},
        proofs=({}, _ARIA, {"text_config": {**_ARIA["text_config"], "moe_num_experts": 4, "num_key_value_heads": 2}}),
        refused=({"text_config": {"hidden_act": "prelu"}},),
    ),
    "deepseek_v4": Override(
        reason=f"DeepseekV4ForCausalLM is DeepseekV4Model as `model`, and a head. {_TIME}",
        classes={
            "DeepseekV4ForCausalLM": (
                Wrap("DeepseekV4Model", "model."),
                SetFields({"tie_word_embeddings": "b"}),
                Append("tensors", (f"{_HEAD} where not tie_word_embeddings", f"{_HEAD} {_TIED}")),
            )
        },
        proofs=(
            {},
            _DEEPSEEK,
            _DEEPSEEK | {"tie_word_embeddings": True, "hc_mult": 2, "num_hidden_layers": 7},
        ),
        refused=({"hidden_act": "prelu"},),
    ),
    "git": Override(
        reason=f"GitForCausalLM is GitModel as `git`, and a head. {_TIME}",
        classes={"GitModel": (Unwrap("GitForCausalLM", "git."),)},
        proofs=({}, _GIT, _GIT | {"vision_config": {"hidden_size": 36, "num_hidden_layers": 3, "patch_size": 32}}),
        refused=({"hidden_act": "prelu"}, {"num_image_with_embedding": 6}),
    ),
    "switch_transformers": Override(
        reason=f"SwitchTransformersEncoderModel is SwitchTransformersModel without its decoder. {_TIME}",
        classes={
            "SwitchTransformersEncoderModel": (Unwrap("SwitchTransformersModel", "", ("shared.", "encoder.")),),
        },
        proofs=(
            {},
            _SWITCH,
            _SWITCH | {"num_sparse_encoder_layers": 2, "router_bias": True, "relative_attention_num_buckets": 8},
            _SWITCH | {"num_sparse_encoder_layers": 0, "tie_word_embeddings": False},
        ),
        refused=({"dense_act_fn": "prelu"},),
    ),
}
