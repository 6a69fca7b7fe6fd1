"""Members of an adapter that bear on each other, with the numbers of PEFT 0.21.2."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import Problems
from tests.builders.adapters import count_adapted, count_totals

_TEXT = {
    "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 4, "num_hidden_layers": 3,
    "num_key_value_heads": 2, "vocab_size": 96,
}  # fmt: skip
GPT_OSS = {
    "architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", **_TEXT, "head_dim": 12, "num_local_experts": 4,
    "num_experts_per_tok": 2,
}  # fmt: skip
GRANITE = {
    "architectures": ["GraniteMoeForCausalLM"], "model_type": "granitemoe", **_TEXT, "num_local_experts": 4,
    "num_experts_per_tok": 2,
}  # fmt: skip
LLAMA4 = {
    "architectures": ["Llama4ForCausalLM"], "model_type": "llama4_text", **_TEXT, "num_local_experts": 4,
    "intermediate_size_mlp": 56, "head_dim": 12, "interleave_moe_layer_step": 2,
}  # fmt: skip
BERT = {
    "architectures": ["BertForSequenceClassification"], "model_type": "bert", **_TEXT, "max_position_embeddings": 32,
    "type_vocab_size": 2,
}  # fmt: skip
BERT_MASKED = BERT | {"architectures": ["BertForMaskedLM"]}
QWEN2 = {"architectures": ["Qwen2ForCausalLM"], "model_type": "qwen2", **_TEXT, "tie_word_embeddings": True}
LLAMA = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", **_TEXT}
T5 = {
    "architectures": ["T5ForConditionalGeneration"], "model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 48,
    "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4, "vocab_size": 96,
}  # fmt: skip
BART = {
    "architectures": ["BartForConditionalGeneration"], "model_type": "bart", "d_model": 32, "encoder_layers": 2,
    "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4, "encoder_ffn_dim": 48,
    "decoder_ffn_dim": 48, "vocab_size": 96, "max_position_embeddings": 32,
}  # fmt: skip

EXPERTS = ["1.mlp.experts.gate_up_proj", "2.mlp.experts.down_proj"]
PARALLEL_EXPERTS = ["1.block_sparse_moe.input_linear.weight", "layers.2.block_sparse_moe.output_linear.weight"]


@pytest.mark.parametrize(
    ("base", "parameters", "targets", "expected"),
    [
        (GPT_OSS, EXPERTS, "all-linear", (9_408, 181_464)),
        (GPT_OSS, EXPERTS, [], (5_376, 177_432)),
        (GPT_OSS, EXPERTS, ["q_proj", "1.self_attn.v_proj"], (6_816, 178_872)),
        (GRANITE, PARALLEL_EXPERTS, "all-linear", (4_032, 173_136)),
        (GRANITE, PARALLEL_EXPERTS, ["q_proj", "1.self_attn.v_proj"], (1_440, 170_544)),
        (LLAMA4, ["1.feed_forward.experts.gate_up_proj", "experts.down_proj"], "all-linear", (13_648, 117_856)),
        (LLAMA4, ["1.feed_forward.experts.gate_up_proj", "experts.down_proj"], None, (5_376, 109_584)),
        (BERT, ["embeddings.word_embeddings.weight"], "all-linear", (8_840, 69_850)),
        (BERT, ["1.attention.self.query.weight"], [], (384, 61_394)),
    ],
)
def test_parameters_named_by_index(base: Any, parameters: list[str], targets: Any, expected: tuple[int, int]) -> None:
    adapter = {"peft_type": "LORA", "r": 4, "target_modules": targets, "target_parameters": parameters}
    assert count_totals(base, adapter) == expected


def test_gpt_oss_20b() -> None:
    """The parameters that its own guide to fine-tuning names."""
    blocks = ("7", "15", "23")
    names = [f"{block}.mlp.experts.{name}" for block in blocks for name in ("gate_up_proj", "down_proj")]
    base = {"architectures": ["GptOssForCausalLM"], "model_type": "gpt_oss", "num_hidden_layers": 24,
            "num_local_experts": 32}  # fmt: skip
    adapter = {"peft_type": "LORA", "r": 8, "target_modules": "all-linear", "target_parameters": names}
    assert count_totals(base, adapter) == (15_040_512, 20_929_797_696)


@pytest.mark.parametrize(
    ("base", "targets", "tokens", "expected"),
    [
        (QWEN2, ["q_proj"], {"embed_tokens": [1, 2], "lm_head": [1, 2]}, (1_248, 61_776)),  # tied: once
        (QWEN2, ["q_proj"], {"embed_tokens": [1, 2], "lm_head": [2, 1]}, (1_344, 61_872)),  # not in the same order
        (QWEN2, ["q_proj"], {"tokens": [1, 2], "head": [1, 2]}, (1_344, 61_872)),  # no name of a tied module
        (QWEN2, ["q_proj"], {"lm_head": [1, 2]}, (1_248, 61_776)),
        (QWEN2, ["q_proj", "lm_head"], [1, 2], (1_824, 62_352)),
        (LLAMA, ["q_proj"], {"embed_tokens": [1, 2], "lm_head": [1, 2]}, (1_344, 66_192)),  # not tied
        (T5, ["q"], [1, 2], (1_600, 42_176)),
        (T5, ["q"], {"shared": [1, 2], "lm_head": [1, 2]}, (1_600, 42_176)),
        (T5, ["q"], {"shared": [1, 2], "decoder.embed_tokens": [1, 2]}, (1_600, 42_176)),
        (T5, ["q"], {"shared": [1, 2], "embed_tokens": [1, 2]}, (1_728, 42_304)),
        (T5, ["q"], {"embed_tokens": [1, 2], "lm_head": [1, 2]}, (1_664, 42_240)),
        (BART, ["q_proj"], {"shared": [1, 2], "lm_head": [1, 2]}, (1_600, 45_568)),
        (BART, ["q_proj"], {"shared": [1, 2], "decoder.embed_tokens": [1, 2]}, (1_664, 45_632)),
        (BERT_MASKED, ["query"], {"word_embeddings": [1, 2], "decoder": [1, 2]}, (1_344, 62_448)),
        (BERT_MASKED, ["query"], {"word_embeddings": [1, 2], "cls.predictions.decoder": [1, 2]}, (1_248, 62_352)),
    ],
)
def test_tokens_of_tied_modules(base: Any, targets: list[str], tokens: Any, expected: tuple[int, int]) -> None:
    adapter = {"peft_type": "LORA", "r": 4, "target_modules": targets, "trainable_token_indices": tokens}
    assert count_totals(base, adapter) == expected


def test_tokens_of_tied_modules_without_a_config() -> None:
    manifest = {
        "parameters": {name: {"shape": [9, 4]} for name in ("embed.weight", "head.weight", "other.weight")},
        "tied": [["embed.weight", "head.weight"]],
    }
    adapter = {"peft_type": "LORA", "r": 1, "target_modules": ["other"]}
    tokens = {"embed": [1], "head": [1]}
    with pytest.raises(Problems) as caught:
        count_adapted(manifest, adapter | {"trainable_token_indices": tokens})
    assert "are tied" in caught.value.problems[0].detail
    assert count_totals(manifest | {"tied": []}, adapter | {"trainable_token_indices": tokens})[0] == 13 + 8


MANIFEST = {"parameters": {"a.weight": {"shape": [4, 4]}}}
CONFLICT = "conflict"
_Q = ["q_proj", "q", "c_attn", "query"]


@pytest.mark.parametrize(
    ("base", "members", "expected"),
    [
        (QWEN2, {"target_modules": _Q, "modules_to_save": ["embed_tokens"]}, (5_760, 66_288)),
        (QWEN2, {"target_modules": _Q, "modules_to_save": ["lm_head"]}, (5_760, 66_288)),
        (QWEN2, {"target_modules": _Q, "modules_to_save": ["lm_head", "embed_tokens"]}, (5_760, 66_288)),
        (QWEN2, {"target_modules": [*_Q, "embed_tokens"]}, (2_304, 62_832)),
        (QWEN2, {"target_modules": [*_Q, "lm_head"]}, (2_304, 62_832)),  # without: 1,728 of 62,256
        (QWEN2, {"target_modules": [*_Q, "lm_head"], "use_dora": True}, (2_592, 63_120)),
        (QWEN2, {"target_modules": ".*(q_proj|lm_head)"}, (2_304, 62_832)),
        (QWEN2, {"target_modules": r".*(?<!\.)(q_proj|lm_head)"}, (1_152, 61_680)),
        (QWEN2, {"target_modules": "all-linear"}, (8_640, 69_168)),
        (QWEN2, {"target_modules": _Q}, (1_152, 61_680)),
        (QWEN2, {"target_modules": _Q, "trainable_token_indices": [1, 2]}, (1_248, 61_776)),
        (LLAMA, {"target_modules": [*_Q, "lm_head"]}, (1_728, 66_576)),  # not tied
        (T5, {"target_modules": _Q, "modules_to_save": ["embed_tokens"]}, (4_608, 45_184)),
        (T5, {"target_modules": ["lm_head"]}, (2_048, 42_624)),
        (T5, {"target_modules": [*_Q, "lm_head"], "use_dora": True}, (3_968, 44_544)),
        (BERT_MASKED, {"target_modules": _Q, "modules_to_save": ["lm_head"]}, (5_760, 66_864)),
        (BERT_MASKED, {"target_modules": ["lm_head"]}, (1_152, 62_256)),
    ],
)
def test_weight_tying(base: Any, members: dict[str, Any], expected: tuple[int, int]) -> None:
    assert count_totals(base, {"peft_type": "LORA", "r": 4, "ensure_weight_tying": True, **members}) == expected


@pytest.mark.parametrize(
    ("base", "members", "member", "code"),
    [
        (QWEN2, {"trainable_token_indices": {"embed_tokens": [1], "lm_head": []}}, "trainable_token_indices", CONFLICT),
        (QWEN2, {"target_modules": ["lm_head"], "modules_to_save": ["embed_tokens"]}, "modules_to_save", CONFLICT),
        (QWEN2, {"target_modules": ["lm_head"], "exclude_modules": ["embed_tokens"]}, "ensure_weight_tying", CONFLICT),
        (QWEN2, {"target_modules": ["lm_head", ".*head", "lm_head.*"]}, "target_modules", CONFLICT),  # of a set, any
        (QWEN2, {"target_modules": ["lm_head"], "rank_pattern": {"q": 2}}, "ensure_weight_tying", "unsupported"),
        (MANIFEST, {"target_modules": ["a"]}, "ensure_weight_tying", "unsupported"),
    ],
)  # fmt: skip
def test_weight_tying_refused(base: Any, members: dict[str, Any], member: str, code: str) -> None:
    with pytest.raises(Problems) as caught:
        count_adapted(base, {"peft_type": "LORA", "ensure_weight_tying": True, "target_modules": _Q, **members})
    assert (f"/adapter/{member}", code) in [(problem.pointer, problem.code) for problem in caught.value.problems]


@pytest.mark.parametrize(
    ("base", "adapter", "expected"),
    [
        # lora_only: the biases of what is adapted, be it by its parameter
        (BERT, {"target_modules": [], "target_parameters": ["dense.weight"], "bias": "lora_only"}, (5_184, 65_618)),
        (BERT, {"target_modules": [], "target_parameters": ["1.attention.self.query.weight"], "bias": "lora_only"},
         (432, 61_394)),
        (BERT, {"target_modules": [], "target_parameters": ["dense.weight"], "bias": "all"}, (5_954, 65_618)),
        (BERT, {"target_modules": None, "target_parameters": ["dense.weight"]}, (6_912, 67_922)),
    ],
)  # fmt: skip
def test_parameters_and_biases(base: Any, adapter: dict[str, Any], expected: tuple[int, int]) -> None:
    assert count_totals(base, {"peft_type": "LORA", "r": 4, **adapter}) == expected


def test_parameters_of_a_model_of_unknown_type() -> None:
    """Without target_modules, PEFT adds its default for the model's type."""
    adapter = {"peft_type": "LORA", "target_parameters": ["a.weight"]}
    with pytest.raises(Problems) as caught:
        count_adapted(MANIFEST, adapter)
    assert [(problem.pointer, problem.code) for problem in caught.value.problems] == [
        ("/adapter/target_modules", "required")
    ]
    assert count_totals(MANIFEST, adapter | {"target_modules": []})[0] == 8 * (4 + 4)
    assert count_totals("Net(\n  (a): Linear(in_features=4, out_features=4, bias=False)\n)", adapter)[0] == 8 * (4 + 4)


GEMMA4 = {
    "architectures": ["Gemma4ForCausalLM"], "model_type": "gemma4_text", **_TEXT, "head_dim": 16, "global_head_dim": 32,
    "vocab_size_per_layer_input": 96, "hidden_size_per_layer_input": 0, "enable_moe_block": True, "num_experts": 4,
    "top_k_experts": 2, "moe_intermediate_size": 24, "pad_token_id": 0,
}  # fmt: skip
BIGCODE = {
    "architectures": ["GPTBigCodeForCausalLM"], "model_type": "gpt_bigcode", "n_embd": 48, "n_head": 4, "n_layer": 3,
    "vocab_size": 96, "n_positions": 32,
}  # fmt: skip
PROMPT = {"task_type": "CAUSAL_LM", "num_virtual_tokens": 5}
ALL_LINEAR = {"peft_type": "LORA", "r": 4, "target_modules": "all-linear"}


@pytest.mark.parametrize(
    ("base", "adapter", "expected"),
    [
        (GEMMA4, ALL_LINEAR, (10_608, 130_028)),
        (GEMMA4, ALL_LINEAR | {"target_parameters": ["1.experts.gate_up_proj"]}, (12_144, 131_564)),
        (BIGCODE, {"peft_type": "PROMPT_TUNING", **PROMPT}, (240, 80_712)),
        (BIGCODE, {"peft_type": "P_TUNING", **PROMPT}, (7_296, 87_768)),
    ],
)
def test_what_the_class_derives(base: Any, adapter: dict[str, Any], expected: tuple[int, int]) -> None:
    assert count_totals(base, adapter) == expected


@pytest.mark.parametrize("base", [GEMMA4, BIGCODE])
def test_prefixes_whose_width_is_not_known(base: Any) -> None:
    with pytest.raises(Problems) as caught:
        count_adapted(base, {"peft_type": "PREFIX_TUNING", **PROMPT})
    assert [problem.code for problem in caught.value.problems] == ["unsupported_adapter"]


@pytest.mark.parametrize(("peft_type", "trained"), [("WAVEFT", 45), ("FOURIERFT", 39)])
def test_patterns_of_frequencies(peft_type: str, trained: int) -> None:
    """FourierFT's expression begins with a dot before the key, and so it matches no name of two that a bar parts."""
    adapter = {
        "peft_type": peft_type,
        "n_frequency": 5,
        "n_frequency_pattern": {"lm_head": 9, "o_proj|k_proj": 7},
        "target_modules": ["q_proj", "k_proj", "lm_head"],
    }
    assert count_totals(LLAMA, adapter)[0] == trained
