"""The fields of a config: their kinds and bounds, labels, lists, patterns and fields of single layers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.formats.huggingface.configs import GEMMA4, LLAMA, count_config, find_row, list_problems


def test_labels_size_the_head() -> None:
    config = {"architectures": ["BertForSequenceClassification"], "model_type": "bert"}
    labels = {"id2label": {str(label): str(label) for label in range(7)}}
    assert find_row(count_config(config | labels).root, "classifier").tensors[0].shape == (7, 768)
    assert find_row(count_config(config).root, "classifier").tensors[0].shape == (2, 768)
    assert find_row(count_config(config | labels | {"num_labels": 5}).root, "classifier").tensors[0].shape == (5, 768)


@pytest.mark.parametrize(
    ("config", "pointer", "code"),
    [
        ({"architectures": ["LlamaForCausalML"], "model_type": "llama"}, "/architectures/0", "unknown_layer"),
        ({"model_type": "lama"}, "/model_type", "unknown_layer"),
        ({"architectures": []}, "", "required"),
        ({"architectures": ["LlamaForCausalLM"], "model_type": "bert"}, "/model_type", "unknown_model_type"),
        (LLAMA | {"architectures": ["Mine"], "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        ({"model_type": "mine", "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        (LLAMA | {"model_type": "mine", "auto_map": {"AutoModel": "modeling.Mine"}}, "/auto_map", "remote_code"),
        (LLAMA | {"hidden_size": "4096"}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": 4096.0}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": None}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": True}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": [4096]}, "/hidden_size", "type"),
        (LLAMA | {"hidden_size": {"a": 1}}, "/hidden_size", "type"),
        (
            {"model_type": "deepseek_v4", "compress_rates": {"heavily_compressed_attention": 64}},
            "/compress_rates",
            "unverified",
        ),
        (
            {"model_type": "kimi_linear", "linear_attn_config": {"num_heads": "16"}},
            "/linear_attn_config/num_heads",
            "type",
        ),
        ({"model_type": "deepseek_v4", "compress_rate_csa": 3}, "/compress_rate_csa", "unverified"),
        (
            {"model_type": "aria", "projector_patch_to_query_dict": {"1225": 64}},
            "/projector_patch_to_query_dict",
            "unverified",
        ),
        (LLAMA | {"vocab_size": 2**41}, "/vocab_size", "maximum"),
        (LLAMA | {"hidden_act": "silu" * 1000}, "/hidden_act", "maximum"),
        (LLAMA | {"attention_bias": 1}, "/attention_bias", "type"),
        (LLAMA | {"hidden_act": "prelu"}, "", "unverified"),
        (LLAMA | {"hidden_size": 4097}, "/hidden_size", "unverified"),  # no multiple of the heads
        (LLAMA | {"per_layer_config": {"1": {"intermediate_size": 100}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": {"skip": ["mlp"]}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": {"intermediate_size": [11008]}}}, "/per_layer_config", "unverified"),
        (LLAMA | {"per_layer_config": {"1": 100}}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": {"one": {}}}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": [{}]}, "/per_layer_config", "type"),
        (LLAMA | {"per_layer_config": 1}, "/per_layer_config", "type"),
        (
            {"model_type": "gpt2", "architectures": ["GPT2Model"], "per_layer_config": {"0": {"hidden_size": 48}}},
            "/per_layer_config",
            "unverified",
        ),
        (LLAMA | {"vocab_size": -1}, "", "invalid_config"),
        (LLAMA | {"num_attention_heads": 0}, "", "invalid_config"),
        ({"architectures": [7], "model_type": "llama"}, "/architectures/0", "type"),
        ({"architectures": "LlamaForCausalLM", "model_type": "llama"}, "/architectures", "type"),
    ],
)
def test_refused(config: dict[str, Any], pointer: str, code: str) -> None:
    assert (pointer, code) in [problem[:2] for problem in list_problems(config)]


@pytest.mark.parametrize(
    "same", [None, {}, {"1": {"intermediate_size": 11008}}, {"00": {"max_position_embeddings": 1}}]
)
def test_layer_overrides_that_size_nothing(same: Any) -> None:
    assert count_config(LLAMA | {"per_layer_config": same}).root.totals == count_config(LLAMA).root.totals


@pytest.mark.parametrize(
    ("layers", "widths"),
    [
        ({"04": {"head_dim": 128}, "09": {"head_dim": 64, "num_key_value_heads": 3}}, [3 * 64, 128, 256]),
        ({}, [256]),
        (None, [256]),
    ],
)
def test_layer_overrides(layers: Any, widths: list[int]) -> None:
    """Gemma 4's layers that attend to all have wider heads by default, and those that are named if it is stated."""
    config = GEMMA4 | {"text_config": GEMMA4["text_config"] | {"per_layer_config": layers}}
    rows = [row for row, _ in count_config(config).root.walk() if row.path.endswith("self_attn.k_proj")]
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
def test_refused_layer_overrides(layers: Any, code: str) -> None:
    config = GEMMA4 | {"text_config": GEMMA4["text_config"] | {"per_layer_config": layers}}
    assert code in [problem[1] for problem in list_problems(config)]


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
    assert count_config(NEMOTRON | layers).root.totals.trainable == total


@pytest.mark.parametrize(
    ("width", "layers", "heads", "total"), [(768, 12, 12, 125_198_592), (2560, 32, 20, 2_651_307_520)]
)
def test_gpt_neo_of_any_depth(width: int, layers: int, heads: int, total: int) -> None:
    """EleutherAI's gpt-neo-125m and gpt-neo-2.7B, as transformers 5.23 builds them."""
    config = {"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "hidden_size": width}
    kinds = {"attention_types": [[["global", "local"], layers // 2]], "num_layers": layers, "num_heads": heads}
    assert count_config(config | kinds).root.totals.trainable == total


@pytest.mark.parametrize(
    "kinds",
    [None, [[["global", "local"], 5]], [["global", "local"], 6], [[["global"], "12"]], [["g" * 999, ["l"] * 999]], []],
)
def test_gpt_neo_needs_a_kind_for_each_layer(kinds: Any) -> None:
    config = {"architectures": ["GPTNeoForCausalLM"], "model_type": "gpt_neo", "num_layers": 12}
    assert {problem[0] for problem in list_problems(config | {"attention_types": kinds})} <= {
        "/num_layers",
        "/attention_types",
    }


@pytest.mark.parametrize("layers", [{"hybrid_override_pattern": "MX"}, {"layers_block_type": ["mamba", "mine"]}])
def test_a_letter_that_names_no_layer(layers: dict[str, Any]) -> None:
    assert [problem[1] for problem in list_problems(NEMOTRON | layers)] == ["unverified"]


def test_a_list_of_layers_has_the_stated_length() -> None:
    cross_layers = list(range(3, 100, 5))
    config = {"architectures": ["MllamaForCausalLM"], "model_type": "mllama_text_model", "num_hidden_layers": 100}
    root = count_config(config | {"cross_attention_layers": cross_layers}).root
    (row,) = [row for row, _ in root.walk() if row.path.endswith("cross_attn.q_proj")]
    assert row.path.split(".")[-3] == ",".join(map(str, cross_layers))


@pytest.mark.parametrize("model_type", ["gemma4_text", "gemma4_unified_text"])
def test_stated_words_are_those_of_the_layers(model_type: str) -> None:
    """Any layer but the last, which has full attention, may have sliding attention."""
    classes = {"gemma4_text": "Gemma4TextModel", "gemma4_unified_text": "Gemma4UnifiedTextModel"}
    words = ["full_attention"] + ["sliding_attention"] * 11
    config = {"architectures": [classes[model_type]], "model_type": model_type, "num_hidden_layers": 12}
    root = count_config(config | {"layer_types": words, "head_dim": 64, "global_head_dim": 128}).root
    norms = [row for row, _ in root.walk() if row.path.endswith("self_attn.k_norm")]
    shapes = {row.path.split(".")[-3]: row.tensors[0].shape for row in norms}
    assert shapes == {"0,11": (128,), "1-10": (64,)}
