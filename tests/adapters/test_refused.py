"""Adapters that must be refused, with the pointer and the code of the problem."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.model.errors import Problems
from tests.builders.adapters import LLAMA, MANIFEST, PRINTED, count_adapted

KERAS = {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
BERT = {
    "architectures": ["BertForTokenClassification"],
    "model_type": "bert",
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 300,
}
MIXTRAL = {**LLAMA, "architectures": ["MixtralForCausalLM"], "model_type": "mixtral"}
PACKED = "Net(\n  (q_proj): Linear4bit()\n)"
DEEP = "(" * 5000 + "a" + ")" * 5000

LONG_KERNEL = {
    "framework": "torch",
    "layers": [{"type": "Conv2d", "name": "x", "in_channels": 1, "out_channels": 1, "kernel_size": [2**40 - 87, 1]}],
}
MANY_BLOCKS = {
    "framework": "torch",
    "layers": [
        {
            "type": "Block",
            "name": "layers",
            "layers": [{"type": "ReLU", "name": f"{index}-999999999999", "repeat": 2} for index in range(1000, 1050)],
        }
    ],
}

PROMPT = {"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM"}
Q = {"target_modules": ["q_proj"]}
X = {"target_modules": ["x"]}


def lora(**members: Any) -> dict[str, Any]:
    return {"peft_type": "LORA", **members}


@pytest.mark.parametrize(
    ("model", "adapter", "pointer", "code"),
    [
        # what it is
        (LLAMA, {}, "/peft_type", "required"),
        (LLAMA, {"peft_type": 3}, "/peft_type", "type"),
        (LLAMA, {"peft_type": "LORAX"}, "/peft_type", "unknown_adapter"),
        (LLAMA, {"peft_type": "lora"}, "/peft_type", "unknown_adapter"),
        (LLAMA, {"peft_type": "XLORA"}, "/peft_type", "unsupported_adapter"),
        (LLAMA, {"peft_type": "ADAPTION_PROMPT"}, "/peft_type", "unsupported_adapter"),
        (LLAMA, lora(task_type="CHAT"), "/task_type", "enum"),
        # of which type
        (LLAMA, lora(r=0, **Q), "/r", "minimum"),
        (LLAMA, lora(r=-1, **Q), "/r", "minimum"),
        (LLAMA, lora(r="8", **Q), "/r", "type"),
        (LLAMA, lora(r=8.5, **Q), "/r", "type"),
        (LLAMA, lora(r=8.0, **Q), "/r", "type"),
        (LLAMA, lora(r=2**41, **Q), "/r", "maximum"),
        (LLAMA, lora(use_dora="yes", **Q), "/use_dora", "type"),
        (LLAMA, lora(target_modules=3), "/target_modules", "anyOf"),
        (LLAMA, lora(target_modules=[3]), "/target_modules", "anyOf"),
        (LLAMA, lora(target_modules=""), "/target_modules", "anyOf"),
        (LLAMA, lora(target_modules=[""]), "/target_modules", "anyOf"),
        (LLAMA, lora(modules_to_save="lm_head", **Q), "/modules_to_save", "anyOf"),
        (LLAMA, lora(layers_to_transform="0", **Q), "/layers_to_transform", "anyOf"),
        (LLAMA, lora(rank_pattern=[1], **Q), "/rank_pattern", "type"),
        (LLAMA, lora(rank_pattern=5, **Q), "/rank_pattern", "type"),
        (LLAMA, lora(rank_pattern={"q_proj": 0}, **Q), "/rank_pattern/q_proj", "minimum"),
        (LLAMA, lora(bias="some", **Q), "/bias", "enum"),
        (LLAMA, lora(trainable_token_indices=["a"], **Q), "/trainable_token_indices", "anyOf"),
        # which modules
        (LLAMA, lora(target_modules=["query"]), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules=[]), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules="q_proj"), "/target_modules", "no_match"),  # a string is an expression
        (LLAMA, lora(exclude_modules=["q_proj"], **Q), "/target_modules", "no_match"),
        (LLAMA, lora(layers_to_transform=[9], **Q), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules=["self_attn"]), "/target_modules", "unsupported_module"),
        (LLAMA, lora(target_modules=["norm"]), "/target_modules", "unsupported_module"),
        (LLAMA, lora(target_modules=".*"), "/target_modules", "unsupported_module"),
        (LLAMA, {"peft_type": "HRA", "target_modules": ["embed_tokens"]}, "/target_modules", "unsupported_module"),
        (MANIFEST, lora(), "/target_modules", "required"),
        (MANIFEST, lora(target_modules="all-linear"), "/target_modules", "unknown_modules"),
        (PRINTED, lora(), "/target_modules", "required"),
        (PACKED, lora(target_modules="all-linear"), "/target_modules", "unsupported_module"),
        (PRINTED, lora(r=4, target_modules=["depthwise"]), "/r", "invalid_config"),
        (LLAMA, {"peft_type": "IA3", "feedforward_modules": ["up_proj"], **Q}, "/feedforward_modules", "conflict"),
        (MANIFEST, {"peft_type": "IA3", "target_modules": ["q"]}, "/feedforward_modules", "required"),
        # together
        (LLAMA, lora(target_modules=".*q_proj", layers_to_transform=[1]), "/layers_to_transform", "conflict"),
        (LLAMA, lora(layers_pattern="layers", **Q), "/layers_pattern", "conflict"),
        (LLAMA, lora(use_dora=True, lora_bias=True, **Q), "/lora_bias", "invalid_config"),
        (LLAMA, lora(lora_bias=True, target_modules=["embed_tokens"]), "/lora_bias", "invalid_config"),
        (LLAMA, lora(use_qalora=True, **Q), "/use_qalora", "unsupported"),
        (LLAMA, lora(layer_replication=[[0, 5]], **Q), "/layer_replication", "no_match"),
        (LLAMA, lora(layer_replication=[[0, 10**9]], **Q), "/layer_replication", "too_large"),
        (LLAMA, lora(layer_replication=[[0]], **Q), "/layer_replication", "anyOf"),
        (MANIFEST, lora(layer_replication=[[0, 1]], target_modules=["q"]), "/layer_replication", "no_match"),
        (LLAMA, lora(modules_to_save=["proj"], **Q), "/modules_to_save", "conflict"),  # ends q_proj too
        (LLAMA, lora(modules_to_save=["layers"], target_modules=["lm_head"]), "/modules_to_save", "unsupported_module"),
        (LLAMA, lora(modules_to_save=["mlp", "up_proj"], **Q), "/modules_to_save", "conflict"),
        (BERT, lora(target_modules="all-linear", task_type="TOKEN_CLS"), "/modules_to_save", "conflict"),
        (LLAMA, lora(trainable_token_indices=[300], **Q), "/trainable_token_indices", "maximum"),
        (LLAMA, lora(trainable_token_indices={"wte": [3]}, **Q), "/trainable_token_indices", "no_match"),
        (MANIFEST, lora(trainable_token_indices=[3], target_modules=["q"]), "/trainable_token_indices", "required"),
        (MIXTRAL, lora(target_modules=["w1"]), "/target_modules", "conflict"),  # fused with w3
        (MIXTRAL, lora(), "/target_modules", "no_match"),  # PEFT has no default for it any more
        (MIXTRAL, lora(target_modules=["w2"], lora_dropout=0.1), "/lora_dropout", "conflict"),
        (LLAMA, {"peft_type": "VERA", "target_parameters": ["x"], **Q}, "/target_parameters", "conflict"),
        # methods of their own
        (LLAMA, {"peft_type": "ADALORA", **Q}, "/total_step", "required"),
        (LLAMA, {"peft_type": "ADALORA", "total_step": 0, **Q}, "/total_step", "invalid_config"),
        (LLAMA, {"peft_type": "OFT", **Q}, "/oft_block_size", "required"),
        (LLAMA, {"peft_type": "OFT", "r": 8, "oft_block_size": 8, **Q}, "/r", "invalid_config"),
        (LONG_KERNEL, {"peft_type": "OFT", "r": 0, "oft_block_size": 4, **X}, "/target_modules", "invalid_config"),
        (MANY_BLOCKS, lora(layer_replication=[[7, 8]], **X), "/layer_replication", "no_match"),
        (LLAMA, {"peft_type": "BOFT", "boft_block_size": 5, **Q}, "/boft_block_size", "invalid_config"),
        (LLAMA, {"peft_type": "BOFT", "boft_n_butterfly_factor": 2, **Q}, "/boft_n_butterfly_factor", "invalid_config"),
        (LLAMA, {"peft_type": "VBLORA", **Q}, "/vector_length", "invalid_config"),
        (LLAMA, {"peft_type": "FOURIERFT", "n_frequency": 10_000, **Q}, "/n_frequency", "invalid_config"),
        (LLAMA, {"peft_type": "ROAD", "variant": "road_3", **Q}, "/variant", "invalid_config"),
        (LLAMA, {"peft_type": "SHIRA", "mask_type": "mine", **Q}, "/mask_type", "invalid_config"),
        (LLAMA, {"peft_type": "MISS", "r": 65, **Q}, "/r", "invalid_config"),
        (LLAMA, {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 5}, "/task_type", "required"),
        (LLAMA, PROMPT, "/num_virtual_tokens", "required"),
        (MANIFEST, {**PROMPT, "num_virtual_tokens": 5}, "/token_dim", "required"),
        (LLAMA, {"peft_type": "CPT", "task_type": "SEQ_CLS"}, "/task_type", "enum"),
        # expressions
        (LLAMA, lora(target_modules="("), "/target_modules", "pattern"),
        (LLAMA, lora(target_modules="(?<=q.*)proj"), "/target_modules", "pattern"),
        (LLAMA, lora(target_modules=r"(?=.)(\w+\.)+\1q"), "/target_modules", "pattern"),  # may take too long
        (LLAMA, lora(target_modules=r".*(?=q_proj$)"), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules=r"(.)\1"), "/target_modules", "no_match"),
        (LLAMA, lora(layers_to_transform=1, layers_pattern=r"(\w+\.)+\1q", **Q), "/layers_pattern", "pattern"),
        (LLAMA, lora(target_modules="[[:alpha:]]+"), "/target_modules", "pattern"),
        (LLAMA, lora(target_modules=DEEP), "/target_modules", "pattern"),
        (LLAMA, lora(target_modules="a" * 100_000), "/target_modules", "pattern"),
        (LLAMA, lora(target_modules="(a+)+$"), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules="(.*.*.*.*.*)+x"), "/target_modules", "no_match"),
        (LLAMA, lora(target_modules="((a{1000}){1000}){1000}"), "/target_modules", "no_match"),
        (LLAMA, lora(exclude_modules="[", **Q), "/exclude_modules", "pattern"),
        (LLAMA, lora(modules_to_save=["a)|(b"], **Q), "/modules_to_save", "pattern"),
        (LLAMA, lora(modules_to_save=["(a"], **Q), "/modules_to_save", "pattern"),
        (LLAMA, lora(rank_pattern={"(a": 4}, **Q), "/rank_pattern/(a", "pattern"),
        (LLAMA, lora(rank_pattern={f"q.{i}": 4 for i in range(1001)}, **Q), "/rank_pattern", "too_large"),
        (LLAMA, lora(modules_to_save=["a" * 9000] * 12, **Q), "/modules_to_save", "too_large"),
        # which documents
        (KERAS, lora(**Q), "", "unsupported_format"),
        ({"state_dict": {"q_proj.weight": {"shape": [4, 4]}}}, lora(**Q), "", "unsupported_format"),
        # how large
        ({**LLAMA, "num_hidden_layers": 99}, lora(r=2**40, target_modules="all-linear"), "", "count_too_large"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_refused(model: Any, adapter: dict[str, Any], pointer: str, code: str) -> None:
    with pytest.raises(Problems) as caught:
        count_adapted(model, adapter)
    prefix = "/architecture" if code == "count_too_large" else "/adapter"
    assert (prefix + pointer, code) in [(problem.pointer, problem.code) for problem in caught.value.problems]


def test_every_problem_at_once() -> None:
    with pytest.raises(Problems) as caught:
        count_adapted(LLAMA, lora(r=0, bias="x", use_dora=3, use_qalora=True, target_modules=["q_proj"]))
    assert {problem.pointer for problem in caught.value.problems} == {
        "/adapter/r", "/adapter/bias", "/adapter/use_dora", "/adapter/use_qalora",
    }  # fmt: skip


def test_names_that_an_expression_cannot_be_held_against() -> None:
    non_ascii = {"parameters": {"größe.weight": {"shape": [4, 4]}}}
    with pytest.raises(Problems) as caught:
        count_adapted(non_ascii, lora(target_modules=r"\w+"))
    assert "printable ASCII" in caught.value.problems[0].detail
    assert count_adapted(non_ascii, lora(target_modules=["größe"])).root.totals.trainable == 64
