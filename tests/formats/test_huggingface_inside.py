"""huggingface: configs inside a config, and what single layers, lists and patterns of layers say."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.configs import LLAMA, at, counted, refused, walk

LLAVA: dict[str, Any] = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "text_config": {
        "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2, "vocab_size": 152000, "tie_word_embeddings": True,
    },
    "vision_config": {
        "model_type": "siglip_vision_model", "hidden_size": 1152, "intermediate_size": 4304, "num_hidden_layers": 26,
        "num_attention_heads": 16, "image_size": 384, "patch_size": 14,
    },
}  # fmt: skip


def test_a_config_inside_may_be_of_another_model_type() -> None:
    """As many as transformers 5.23 builds: its Qwen2 has biases, its Llama, which is LLaVA's own, has none."""
    report = counted(LLAVA)
    assert report.exact
    assert report.root.totals.trainable == 908_913_008
    biased = at(report.root, "model.language_model.layers.0-23.self_attn.q_proj")
    assert [tensor.shape for tensor in biased.tensors] == [(896, 896), (896,)]
    assert at(report.root, "lm_head").tensors[0].tied_to == "model.language_model.embed_tokens.weight"


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"model_type": "qwen2", "hidden_size": "896"}, "/text_config/hidden_size", "type"),
        ({"model_type": "qwen2", "hidden_size": None}, "/text_config/hidden_size", "type"),
        ({"model_type": "vit"}, "/text_config/model_type", "unverified"),
        ({"model_type": "mine"}, "/text_config/model_type", "unverified"),
        ({"model_type": 7}, "/text_config/model_type", "unverified"),
        ({"model_type": ["qwen2"]}, "/text_config/model_type", "unverified"),
        ([], "/text_config", "type"),
    ],
)
def test_refused_inside(part: Any, pointer: str, code: str) -> None:
    found = refused(LLAVA | {"text_config": part})
    assert (pointer, code) in [problem[:2] for problem in found]


def test_a_refused_model_type_inside_is_answered_with_those_that_are_known() -> None:
    assert " or llama or " in refused(LLAVA | {"text_config": {"model_type": "mine"}})[0][2]


GEMMA4: dict[str, Any] = {
    "architectures": ["Gemma4ForConditionalGeneration"],
    "model_type": "gemma4",
    "text_config": {
        "hidden_size": 1536, "num_hidden_layers": 35, "intermediate_size": 6144, "num_attention_heads": 8,
        "num_key_value_heads": 1, "head_dim": 256, "global_head_dim": 512, "vocab_size": 262144,
        "hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 262144,
        "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7,
        "num_kv_shared_layers": 20, "use_double_wide_mlp": True,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "total"),
    [
        ({}, 4_628_569_344),
        ({"vision_config": None}, 4_628_569_344),
        ({"vision_config": {}}, 4_797_113_600),
        ({"vision_config": {"model_type": "gemma4_vision"}, "audio_config": {}}, 5_104_297_504),
    ],
)
def test_a_config_inside_may_be_there_or_not(parts: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds, of the layers of which some share what others keep."""
    report = counted(GEMMA4 | parts)
    assert report.root.totals.trainable == total
    assert at(report.root, "model.language_model.layers.4,9,14.self_attn.k_proj").tensors[0].shape == (512, 1536)


@pytest.mark.parametrize(
    "same", [None, {}, {"1": {"intermediate_size": 11008}}, {"00": {"max_position_embeddings": 1}}]
)
def test_what_layers_say_otherwise_may_size_nothing(same: Any) -> None:
    assert counted(LLAMA | {"per_layer_config": same}).root.totals == counted(LLAMA).root.totals


@pytest.mark.parametrize(
    ("layers", "widths"),
    [
        ({"04": {"head_dim": 128}, "09": {"head_dim": 64, "num_key_value_heads": 3}}, [3 * 64, 128, 256]),
        ({}, [256]),
        (None, [256]),
    ],
)
def test_what_layers_say_otherwise(layers: Any, widths: list[int]) -> None:
    """Gemma 4's layers that attend to all have wider heads by default, and those that are named if it is stated."""
    config = GEMMA4 | {"text_config": GEMMA4["text_config"] | {"per_layer_config": layers}}
    rows = [row for row in walk(counted(config).root) if row.path.endswith("self_attn.k_proj")]
    assert sorted({row.tensors[0].shape[0] for row in rows}) == sorted(set(widths))


@pytest.mark.parametrize(
    ("layers", "code"),
    [
        ({"4": {"head_dim": "128"}}, "invalid_config"),
        ({"4": {"head_dim": None}}, "invalid_config"),
        ({"4": {"head_dim": -1}}, "invalid_config"),
        ({"4": {"head_dim": True}}, "invalid_config"),
        ({"4": {"head_dim": 2**62}}, "count_too_large"),
        ({"4": {"intermediate_size": 128}}, "unverified"),
        ({"4": {"skip": ["mlp"]}}, "unverified"),
        ({"4": 128}, "type"),
        (4, "type"),
    ],
)
def test_refused_of_single_layers(layers: Any, code: str) -> None:
    config = GEMMA4 | {"text_config": GEMMA4["text_config"] | {"per_layer_config": layers}}
    assert code in [problem[1] for problem in refused(config)]


@pytest.mark.parametrize(
    ("part", "pointer", "code"),
    [
        ({"hidden_size": None}, "/vision_config/hidden_size", "type"),
        ({"model_type": "siglip_vision_model"}, "/vision_config/model_type", "unverified"),
        ({"model_type": None}, "/vision_config/model_type", "unverified"),
        ({"model_type": ["gemma4_vision"]}, "/vision_config/model_type", "unverified"),
        ({"head_dim": 63}, "/vision_config/head_dim", "unverified"),
        ([], "/vision_config", "type"),
        (7, "/vision_config", "type"),
    ],
)
def test_refused_where_a_config_may_be_there(part: Any, pointer: str, code: str) -> None:
    assert (pointer, code) in [problem[:2] for problem in refused(GEMMA4 | {"vision_config": part})]


NEMOTRON: dict[str, Any] = {
    "architectures": ["NemotronHForCausalLM"], "model_type": "nemotron_h", "hidden_size": 256, "vocab_size": 1000,
    "intermediate_size": 512, "moe_intermediate_size": 128, "moe_shared_expert_intermediate_size": 192,
    "mamba_num_heads": 16, "mamba_head_dim": 32,
}  # fmt: skip


@pytest.mark.parametrize(
    ("layers", "total"),
    [
        ({}, 4_956_464),
        ({"hybrid_override_pattern": "M-M*E"}, 5_891_680),
        ({"layers_block_type": ["mamba", "mlp", "mamba", "attention", "moe"], "num_hidden_layers": 52}, 5_891_680),
        ({"layers_block_type": ["mamba", "mlp", "mamba", "attention", "moe"]}, 5_891_680),
        ({"hybrid_override_pattern": "M*-" * 9}, 34_886_064),
    ],
)
def test_a_pattern_of_letters_names_the_layers(layers: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds."""
    assert counted(NEMOTRON | layers).root.totals.trainable == total


@pytest.mark.parametrize(
    ("width", "layers", "heads", "total"), [(768, 12, 12, 125_198_592), (2560, 32, 20, 2_651_307_520)]
)
def test_gpt_neo_of_any_depth(width: int, layers: int, heads: int, total: int) -> None:
    """EleutherAI's gpt-neo-125m and gpt-neo-2.7B, as transformers 5.23 builds them."""
    config = {"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "hidden_size": width}
    kinds = {"attention_types": [[["global", "local"], layers // 2]], "num_layers": layers, "num_heads": heads}
    assert counted(config | kinds).root.totals.trainable == total


@pytest.mark.parametrize(
    "kinds",
    [None, [[["global", "local"], 5]], [["global", "local"], 6], [[["global"], "12"]], [["g" * 999, ["l"] * 999]], []],
)
def test_gpt_neo_of_as_many_layers_as_kinds_of_them(kinds: Any) -> None:
    config = {"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "num_layers": 12}
    assert {problem[0] for problem in refused(config | {"attention_types": kinds})} <= {
        "/num_layers",
        "/attention_types",
    }


@pytest.mark.parametrize("layers", [{"hybrid_override_pattern": "MX"}, {"layers_block_type": ["mamba", "mine"]}])
def test_a_letter_that_names_no_layer(layers: dict[str, Any]) -> None:
    assert [problem[1] for problem in refused(NEMOTRON | layers)] == ["unverified"]


def test_a_list_of_layers_is_as_long_as_it_is_given() -> None:
    crossed = list(range(3, 100, 5))
    config = {"architectures": ["MllamaForCausalLM"], "model_type": "mllama_text_model", "num_hidden_layers": 100}
    root = counted(config | {"cross_attention_layers": crossed}).root
    (row,) = [row for row in walk(root) if row.path.endswith("cross_attn.q_proj")]
    assert row.path.split(".")[-3] == ",".join(map(str, crossed))


@pytest.mark.parametrize("model_type", ["gemma4_text", "gemma4_unified_text"])
def test_the_words_that_are_given_are_those_of_the_layers(model_type: str) -> None:
    """But for the last layer, which attends to all: each of the others may slide, wherever it stands."""
    classes = {"gemma4_text": "Gemma4TextModel", "gemma4_unified_text": "Gemma4UnifiedTextModel"}
    words = ["full_attention"] + ["sliding_attention"] * 11
    config = {"architectures": [classes[model_type]], "model_type": model_type, "num_hidden_layers": 12}
    root = counted(config | {"layer_types": words, "head_dim": 64, "global_head_dim": 128}).root
    norms = [row for row in walk(root) if row.path.endswith("self_attn.k_norm")]
    shapes = {row.path.split(".")[-3]: row.tensors[0].shape for row in norms}
    assert shapes == {"0,11": (128,), "1-10": (64,)}
