"""Classes of which only the defaults could be learned, beside others of the same config that hold the same parts."""

from collections.abc import Iterator, Mapping

from paramcount.formats.huggingface.functions import digest
from tools.blueprints.overrides.changes import Append, Override, Rewrite, SetFields, Unwrap, Wrap

_TIME = "The compiler had no time to learn both."
_HEAD = "lm_head.weight [vocab_size; hidden_size]"
_TIED = "where tie_word_embeddings tied to model.embed_tokens.weight"
_DEEPSEEK = {
    "hidden_size": 64, "num_hidden_layers": 5, "num_attention_heads": 4, "head_dim": 16, "vocab_size": 90,
    "moe_intermediate_size": 24, "n_routed_experts": 8, "num_experts_per_tok": 2, "q_lora_rank": 32, "o_groups": 2,
    "o_lora_rank": 12, "index_n_heads": 4, "index_head_dim": 16,
}  # fmt: skip
_DEEPSEEK_RATES = (Append("given", ("compress_rate_csa is None or compress_rate_csa == 4",)),)
_QUERIES = "projector_patch_to_query_dict"
_DEFAULT_QUERIES = digest({"1225": 128, "4900": 256})
_ARIA_QUERIES = (
    Rewrite("given", f"{_QUERIES} is None", f"{_QUERIES} is None or digest({_QUERIES}) == {_DEFAULT_QUERIES!r}"),
    SetFields({_QUERIES: "nd"}),
)
_ARIA_TEXT = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
_ARIA = {
    "text_config": _ARIA_TEXT,
    "vision_config": {"model_type": "idefics3_vision", "hidden_size": 32, "num_hidden_layers": 3,
                      "num_attention_heads": 2, "intermediate_size": 40},
}  # fmt: skip
_FUSION = "decoder.stages.{i}.fusion."
_FUSED = "for len(hidden_sizes) where not i == 0"
_HALF = "int(decoder_hidden_size / 2)"
_GLPN = {"hidden_sizes": [8, 16, 24, 32], "num_attention_heads": [1, 2, 3, 4], "decoder_hidden_size": 16}
_HGNET = {"stem_channels": [3, 16, 20], "stage_in_channels": [20, 24, 32, 40], "stage_mid_channels": [8, 12, 16, 20],
          "stage_out_channels": [24, 32, 40, 48]}  # fmt: skip
_SWITCH = {"d_model": 48, "d_kv": 12, "d_ff": 40, "num_layers": 4, "num_heads": 3, "vocab_size": 70, "num_experts": 5}


def _list_decoder() -> Iterator[str]:
    """Yield the clauses of GLPN's decoder and head."""
    width, unequal = "decoder_hidden_size", "hidden_sizes[len(hidden_sizes) - 1 - i] != decoder_hidden_size"
    narrowed = f"for len(hidden_sizes) where {unequal}"
    yield f"decoder.stages.{{i}}.convolution.weight [{width}; hidden_sizes[len(hidden_sizes) - 1 - i]; 1; 1] {narrowed}"
    yield f"decoder.stages.{{i}}.convolution.bias [{width}] {narrowed}"
    for number, channels, inputs in ((1, width, f"{width} * 2"), (2, _HALF, width)):
        layer = f"{_FUSION}convolutional_layer{number}"
        yield f"{layer}.0.weight [{channels}; {inputs}; 3; 3] {_FUSED}"
        yield f"{layer}.0.bias [{channels}] {_FUSED}"
        for leaf, buffer in (("weight", ""), ("bias", ""), ("running_mean", "F32"), ("running_var", "F32")):
            yield f"{layer}.1.{leaf} [{channels}] {_FUSED}" + (f" buffer {buffer}" if buffer else "")
        yield f"{layer}.1.num_batches_tracked [] {_FUSED} buffer I64"
    yield f"{_FUSION}convolutional_layer3.weight [2; {_HALF}; 3; 3] {_FUSED}"
    yield f"{_FUSION}convolutional_layer3.bias [2] {_FUSED}"
    for number, channels in ((0, width), (2, "1")):
        yield f"head.head.{number}.weight [{channels}; {width}; 3; 3]"
        yield f"head.head.{number}.bias [{channels}]"


OVERRIDES: Mapping[str, Override] = {
    "aria": Override(
        reason=f"AriaForConditionalGeneration is AriaModel as `model`, and a head. {_TIME}",
        classes={
            "AriaForConditionalGeneration": _ARIA_QUERIES,
            "AriaModel": (Unwrap("AriaForConditionalGeneration", "model."), *_ARIA_QUERIES),
        },
        proofs=({}, _ARIA, {"text_config": _ARIA_TEXT | {"moe_num_experts": 4, "num_key_value_heads": 2}}),
        refused=({"text_config": {"hidden_act": "prelu"}}, {"projector_patch_to_query_dict": {"1225": 64}}),
    ),
    "deepseek_v4": Override(
        reason=f"DeepseekV4ForCausalLM is DeepseekV4Model as `model`, and a head. {_TIME}",
        classes={
            "DeepseekV4Model": _DEEPSEEK_RATES,
            "DeepseekV4ForCausalLM": (
                Wrap("DeepseekV4Model", "model."),
                *_DEEPSEEK_RATES,
                SetFields({"tie_word_embeddings": "b"}),
                Append("tensors", (f"{_HEAD} where not tie_word_embeddings", f"{_HEAD} {_TIED}")),
            ),
        },
        proofs=(
            {},
            _DEEPSEEK,
            _DEEPSEEK | {"tie_word_embeddings": True, "hc_mult": 2, "num_hidden_layers": 7},
        ),
        refused=(
            {"hidden_act": "prelu"},
            {"compress_rate_csa": 3},
            {"compress_rates": {"compressed_sparse_attention": 4, "heavily_compressed_attention": 64}},
        ),
    ),
    "glpn": Override(
        reason=f"GLPNForDepthEstimation is GLPNModel as `glpn`, a decoder and a head. {_TIME}",
        classes={
            "GLPNForDepthEstimation": (
                Wrap("GLPNModel", "glpn."),
                SetFields({"decoder_hidden_size": "i"}),
                Append("tensors", tuple(_list_decoder())),
            )
        },
        proofs=(
            {},
            _GLPN,
            _GLPN | {"decoder_hidden_size": 13, "depths": [1, 2, 1, 3]},
            _GLPN | {"hidden_sizes": [16, 16, 24, 16], "num_attention_heads": [1, 2, 3, 2]},
        ),
        refused=({"hidden_act": "prelu"},),
    ),
    "hgnet_v2": Override(
        reason=f"HGNetV2Backbone is HGNetV2ForImageClassification without its head. {_TIME}",
        classes={"HGNetV2Backbone": (Unwrap("HGNetV2ForImageClassification", "", ("embedder.", "encoder.")),)},
        proofs=(
            {},
            _HGNET,
            _HGNET | {"use_learnable_affine_block": True, "stage_numb_of_layers": [2, 3, 1, 2]},
            _HGNET | {"stage_light_block": [True, False, True, False], "stage_downsample": [True, False, True, True]},
        ),
        refused=({"hidden_act": "prelu"},),
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
