"""Adapters against the numbers of PEFT itself (tools/oracle/adapters.py), and by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paramcount.adapters.configs import load_tables
from paramcount.adapters.registry import METHODS
from paramcount.model.budget import Limits
from tests.builders.adapters import LLAMA, MANIFEST, PRINTED, count_adapted, count_totals, read_totals

CASES = json.loads((Path(__file__).parents[1] / "golden/adapters.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['base']['model_type']}-{case['adapter']['peft_type']}")
def test_as_peft_counts(case: dict[str, Any]) -> None:
    report = count_adapted(case["base"], case["adapter"])
    assert report.exact
    assert read_totals(report) == (case["trainable"], case["all"])


def test_every_method_has_cases() -> None:
    assert {case["adapter"]["peft_type"] for case in CASES} == set(METHODS)


def test_every_method_is_one_of_peft() -> None:
    assert set(METHODS) <= load_tables()["members"].keys()


def test_the_readme_of_peft() -> None:
    """https://github.com/huggingface/peft/blob/v0.21.2/README.md, Quickstart: Qwen/Qwen2.5-3B-Instruct, r=16.

    "prints: trainable params: 3,686,400 || all params: 3,089,625,088 || trainable%: 0.1193"
    """
    qwen = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "hidden_size": 2048,
        "intermediate_size": 11008,
        "num_attention_heads": 16,
        "num_hidden_layers": 36,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
        "vocab_size": 151936,
    }
    report = count_adapted(qwen, {"peft_type": "LORA", "r": 16, "lora_alpha": 32, "task_type": "CAUSAL_LM"})
    details = {warning.code: warning.detail for warning in report.warnings}
    printed = "trainable params: 3,686,400 || all params: 3,089,625,088 || trainable%: 0.1193"
    assert details["trainable_parameters"] == printed
    assert "72 modules: model.layers.0-35.self_attn.q_proj, model.layers.0-35.self_attn.v_proj" in details["adapter"]


def adapted_paths(adapter: dict[str, Any]) -> list[str]:
    """Return the paths of the modules that an adapter was put into."""
    return [row.path for row, _ in count_adapted(LLAMA, adapter).root.walk() if row.type.startswith("lora.")]


@pytest.mark.parametrize(
    ("config", "hit"),
    [
        ({"target_modules": ["q_proj"]}, ["model.layers.0-3.self_attn.q_proj"]),
        ({"target_modules": ["1.self_attn.q_proj"]}, ["model.layers.1.self_attn.q_proj"]),
        ({"target_modules": ["q_proj"], "layers_to_transform": [0, 3]}, ["model.layers.0,3.self_attn.q_proj"]),
        ({"target_modules": r".*layers\.[12]\..*q_proj"}, ["model.layers.1-2.self_attn.q_proj"]),
        ({"target_modules": ["q_proj"], "exclude_modules": r".*\.0\..*"}, ["model.layers.1-3.self_attn.q_proj"]),
        ({"target_modules": ["lm_head"]}, ["lm_head"]),
    ],
)
def test_which_modules(config: dict[str, Any], hit: list[str]) -> None:
    assert adapted_paths({"peft_type": "LORA", **config}) == hit


def test_blocks_stay_folded_whatever_their_number() -> None:
    deep = {**LLAMA, "num_hidden_layers": 1_000_000}
    report = count_adapted(deep, {"peft_type": "LORA", "target_modules": "all-linear", "rank_pattern": {"up_proj": 4}})
    assert report.row_count < 40
    per_layer = 8 * (128 + 96 + 96 + 128) + 8 * (64 + 112) * 2 + 4 * (64 + 112)
    assert report.root.totals.trainable == 1_000_000 * per_layer


def test_frozen_by_the_adapter_and_by_rules() -> None:
    rules = [{"match": "*lora_B*", "trainable": False}]
    report = count_adapted(LLAMA, {"peft_type": "LORA", "target_modules": ["q_proj"]}, trainable=rules)
    assert report.root.totals.trainable == 4 * 8 * 64
    reasons = {(t.name, t.frozen_by.by) for row, _ in report.root.walk() for t in row.tensors if t.frozen_by}
    assert ("lora_B.default.weight", "rule") in reasons
    assert ("weight", "adapter") in reasons


def test_a_document_of_tensors() -> None:
    base = 800 + 2 * (64 + 8 + 128)
    adapter = {"peft_type": "LORA", "r": 2, "target_modules": ["q", "up"]}
    trained = 2 * (2 * 16 + 2 * 24)  # two blocks, 8 + 8 and 8 + 16 features of rank 2
    assert count_totals(MANIFEST, adapter) == (trained, base + trained)
    saved = adapter | {"modules_to_save": ["head"]}
    assert count_totals(MANIFEST, saved) == (trained + 800, base + trained + 800)  # its copy is tied to nothing
    assert count_totals(MANIFEST, adapter | {"bias": "all"}) == (trained + 16, base + trained)


def test_a_count_is_inexact_where_a_layer_type_is_unknown() -> None:
    """up.weight has no bias, so it may be an embedding, for which DoRA has other magnitudes."""
    report = count_adapted(MANIFEST, {"peft_type": "LORA", "r": 2, "use_dora": True, "target_modules": ["up"]})
    assert not report.exact
    assert [warning.path for warning in report.warnings if not warning.exact] == ["blocks.0-1.up"]
    assert count_adapted(MANIFEST, {"peft_type": "LORA", "use_dora": True, "target_modules": ["q"]}).exact


def test_a_printed_model() -> None:
    """A of a convolution has its kernel and all of its channels, B its groups."""
    targets = r"stem|depthwise|blocks\.\d\.0"
    adapter = {"peft_type": "LORA", "target_modules": targets, "modules_to_save": ["classifier"]}
    stem, depthwise, linear = 8 * 3 * 9 + 8 * 8, 8 * 8 * 9 + 8, 8 * 16
    assert count_totals(PRINTED, adapter)[0] == stem + depthwise + 4 * linear + 45
    assert count_totals(PRINTED, {"peft_type": "LORA", "r": 1, "target_modules": "all-linear"})[0] == 4 * 16 + 13


def test_a_printed_model_of_transformers() -> None:
    """The class determines the default targets, and the head that all-linear leaves out."""
    text = """\
LlamaForCausalLM(
  (model): LlamaModel(
    (layers): ModuleList(
      (0-1): 2 x LlamaDecoderLayer(
        (self_attn): LlamaAttention(
          (q_proj): Linear(in_features=8, out_features=8, bias=False)
          (v_proj): Linear(in_features=8, out_features=4, bias=False)
          (o_proj): Linear(in_features=8, out_features=8, bias=False)
        )
      )
    )
  )
  (lm_head): Linear(in_features=8, out_features=100, bias=False)
)"""
    assert count_totals(text, {"peft_type": "LORA", "r": 1})[0] == 2 * (16 + 12)
    assert count_totals(text, {"peft_type": "LORA", "r": 1, "target_modules": "all-linear"})[0] == 2 * (16 + 12 + 16)


_TEXT = {
    "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 4, "num_hidden_layers": 3,
    "num_key_value_heads": 2, "vocab_size": 96,
}  # fmt: skip
_LLAVA = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "text_config": {"model_type": "qwen2", **_TEXT},
    "vision_config": {
        "model_type": "siglip_vision_model", "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4,
        "num_hidden_layers": 2, "image_size": 16, "patch_size": 8,
    },
}  # fmt: skip
_BLIP2 = {
    "architectures": ["Blip2ForConditionalGeneration"],
    "model_type": "blip-2",
    "text_config": {"model_type": "llama", **_TEXT},
    "vision_config": {
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_hidden_layers": 2, "image_size": 16,
        "patch_size": 8,
    },
    "qformer_config": {
        "hidden_size": 48, "intermediate_size": 80, "num_attention_heads": 4, "num_hidden_layers": 3, "vocab_size": 96,
        "max_position_embeddings": 32, "type_vocab_size": 2, "encoder_hidden_size": 32,
    },
    "num_query_tokens": 4,
}  # fmt: skip
_GEMMA4 = {
    "architectures": ["Gemma4ForConditionalGeneration"],
    "model_type": "gemma4",
    "text_config": {
        **_TEXT, "head_dim": 16, "global_head_dim": 32, "vocab_size_per_layer_input": 96,
        "hidden_size_per_layer_input": 8, "pad_token_id": 0,
    },
    "vision_config": {
        "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 8,
        "num_hidden_layers": 2, "patch_size": 8, "position_embedding_size": 64,
    },
    "audio_config": {
        "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "output_proj_dims": 24,
        "subsampling_conv_channels": [8, 4],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("base", "targets", "expected"),
    [
        (_LLAVA, ["q_proj", "v_proj"], (3_040, 100_960)),
        (_LLAVA, ["embed_tokens", "fc1"], (1_536, 99_456)),
        (_BLIP2, "all-linear", (22_336, 179_424)),
        (_GEMMA4, ".*language_model.*(q_proj|down_proj)", (3_136, 167_940)),
        (_GEMMA4, ["embed_tokens"], (576, 165_380)),
    ],
)
def test_models_within_models(base: dict[str, Any], targets: Any, expected: tuple[int, int]) -> None:
    """As PEFT 0.21.2 counts them."""
    assert count_totals(base, {"peft_type": "LORA", "r": 4, "target_modules": targets}) == expected


def test_a_saved_config_is_counted_as_it_is_trained() -> None:
    adapter = {"peft_type": "LORA", "target_modules": ["q_proj"], "inference_mode": True}
    report = count_adapted(LLAMA, adapter)
    assert report.root.totals.trainable == 4 * 8 * 128
    assert "inference_mode" in {warning.code for warning in report.warnings}


def test_an_unknown_member_makes_a_count_inexact() -> None:
    adapter = {"peft_type": "LORA", "target_modules": ["q_proj"], "use_what_comes": True, "also": None}
    unseen = [warning for warning in count_adapted(LLAMA, adapter).warnings if not warning.exact]
    assert [warning.code for warning in unseen] == ["unknown_member"]


def test_unknown_members_are_listed_by_name() -> None:
    adapter = {"peft_type": "LORA", "target_modules": ["q_proj"], **{f"member_{letter}": 1 for letter in "dbeca"}}
    unknown = [warning for warning in count_adapted(LLAMA, adapter).warnings if warning.code == "unknown_member"]
    assert [warning.detail[:10] for warning in unknown] == [f'"member_{letter}"' for letter in "abcde"]


def test_a_rank_of_null_is_the_default() -> None:
    adapter = {"peft_type": "LORA", "r": None, "target_modules": [], "target_parameters": ["q_proj.weight"]}
    assert count_totals(LLAMA, adapter)[0] == 4 * 8 * (64 + 64)


def test_limits_hold() -> None:
    many = {**LLAMA, "num_hidden_layers": 500}
    with pytest.raises(Exception, match="problems") as caught:
        count_adapted(many, {"peft_type": "LORA", "target_modules": ".*q_proj"}, Limits(max_copies=100))
    assert "there may be 100, not 500" in caught.value.problems[0].detail  # type: ignore[attr-defined]
