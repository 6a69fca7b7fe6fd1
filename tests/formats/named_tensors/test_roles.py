"""Embeddings and experts in checkpoints: by hand, and as the config of the same model has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import paramcount
from paramcount.formats.huggingface.blueprints import load_index
from paramcount.model import block_ranges
from paramcount.model.report import Report, Row
from paramcount.model.tensors import Tensor
from paramcount.rendering.json import as_json
from tests.builders import gguf

MIXTURES = (
    "AfmoeForCausalLM", "AriaTextForCausalLM", "BailingHybridForCausalLM", "Cohere2MoeForCausalLM",
    "DeepseekV3ForCausalLM", "DeepseekV32ForCausalLM", "Ernie4_5_MoeForCausalLM", "ExaoneMoeForCausalLM",
    "FlexOlmoForCausalLM", "Glm4MoeForCausalLM", "Glm4MoeLiteForCausalLM", "GlmMoeDsaForCausalLM",
    "GptOssForCausalLM", "GraniteMoeForCausalLM", "GraniteMoeHybridForCausalLM", "GraniteMoeSharedForCausalLM",
    "JambaForCausalLM", "JetMoeForCausalLM", "KimiLinearForCausalLM", "Lfm2MoeForCausalLM", "Llama4ForCausalLM",
    "LongcatFlashForCausalLM", "MiniMaxForCausalLM", "MiniMaxM2ForCausalLM", "MixtralForCausalLM",
    "NemotronHForCausalLM", "NllbMoeForConditionalGeneration", "OlmoeForCausalLM", "PhimoeForCausalLM",
    "Qwen2MoeForCausalLM", "Qwen3MoeForCausalLM", "Qwen3NextForCausalLM", "SolarOpenForCausalLM",
    "SwitchTransformersForConditionalGeneration",
)  # fmt: skip


MANY = frozenset(
    ("BailingHybridForCausalLM", "DeepseekV3ForCausalLM", "DeepseekV32ForCausalLM", "GlmMoeDsaForCausalLM",
     "LongcatFlashForCausalLM", "MiniMaxM2ForCausalLM", "Qwen3NextForCausalLM")
)  # fmt: skip
"""Classes whose experts would take some seconds to list one by one: they are like those of other classes."""


def list_tensors(row: Row, path: str) -> Iterator[tuple[str, Tensor]]:
    """Yield every tensor with its name in a checkpoint, each block by its own index."""
    yield from ((path + tensor.name, tensor) for tensor in row.tensors)
    for child in row.children:
        for name in block_ranges.expand(child.name, 10_000) or [child.name]:
            yield from list_tensors(child, f"{path}{name}.")


def header(report: Report, *, split: bool) -> dict[str, Any]:
    """Return the header of a model's checkpoint: its experts one tensor a layer, or one a layer and expert."""
    entries: dict[str, Any] = {}
    start = 0
    for path, tensor in list_tensors(report.root, ""):
        if tensor.tied_to or tensor.role == "buffer":
            continue
        names = {path: tensor.shape}
        stem, mark, rest = path.rpartition("experts.")
        is_routed = bool(mark) and stem.endswith(".") and len(tensor.shape) > 1
        if split and is_routed and not any(map(str.isdigit, rest.split(".")[0])):
            names = {f"{stem}experts.{expert}.{rest}": tensor.shape[1:] for expert in range(tensor.shape[0])}
        for name, shape in names.items():
            size = 2
            for length in shape:
                size *= length
            entries[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [start, start + size]}
            start += size
    return entries


@pytest.mark.parametrize(
    ("class_name", "split"), [(name, split) for name in MIXTURES for split in (False, True)[: 1 + (name not in MANY)]]
)
def test_a_header_is_as_its_config(class_name: str, split: bool) -> None:
    config = {"architectures": [class_name], "model_type": load_index().classes[class_name][0]}
    model = paramcount.count(config)
    stored = paramcount.count({"header": header(model, split=split), "config": config})
    expected, recorded = as_json(model)["parameters"], as_json(stored)["parameters"]
    assert recorded["active"] == expected["active"] is not None
    assert recorded["embedding"] == expected["embedding"]
    assert recorded["total"] == expected["total"] == recorded["stored"]
    if recorded["embedding"] is not None:
        assert as_json(stored)["active"] == as_json(model)["active"]
        assert as_json(stored)["embedding"] == as_json(model)["embedding"]


def entries(**shapes: list[int]) -> dict[str, Any]:
    start, listed = 0, {}
    for name, shape in shapes.items():
        size = 2
        for length in shape:
            size *= length
        listed[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [start, start + size]}
        start += size
    return listed


EXPERTS = {f"h.{layer}.mlp.experts.{expert}.w.weight": [6, 5] for layer in range(2) for expert in range(4)}
EMBEDDING = {"model.embed_tokens.weight": [10, 5], "lm_head.weight": [10, 5]}
ROUTED = {"num_experts_per_tok": 1}


@pytest.mark.parametrize(
    ("shapes", "config", "active", "embedding"),
    [
        (EXPERTS | EMBEDDING, ROUTED, 160, 50),  # 2 · 50 + 2 · 1 · 30
        (EXPERTS | EMBEDDING, {"text_config": {"num_experts_per_tok": 3}}, 280, 50),
        (EXPERTS | EMBEDDING, {"num_experts_per_tok": 4}, 340, 50),  # all
        (EXPERTS, ROUTED, 60, None),
        ({"a.experts.gate_up": [4, 5, 6], "a.experts.gate_up_bias": [4, 6], "wte.weight": [3, 5]}, ROUTED, 51, 15),
        ({"a.shared_experts.w.weight": [6, 5], "a.experts.w": [4, 6, 5]}, ROUTED, 60, None),
        ({"a.block_sparse_moe.experts.0.w1.weight": [2, 3], "a.block_sparse_moe.experts.1.w1.weight": [2, 3]},
         {"moe_topk": 1}, 6, None),
    ],
)  # fmt: skip
def test_by_hand(shapes: dict[str, list[int]], config: dict[str, Any], active: int, embedding: int | None) -> None:
    recorded = as_json(paramcount.count({"header": entries(**shapes), "config": config}))["parameters"]
    assert (recorded["active"], recorded["embedding"]) == (active, embedding)


@pytest.mark.parametrize(
    ("shapes", "config", "reason"),
    [
        (EXPERTS, {}, "nothing states how many experts"),
        (EXPERTS, {"top_k": 2}, "nothing states how many experts"),  # of sampling
        (EXPERTS, {"num_experts_per_tok": True}, "nothing states how many experts"),
        (EXPERTS, {"num_experts_per_tok": "2"}, "nothing states how many experts"),
        (EXPERTS, {"a": {"num_experts_per_tok": 1}, "b": {"num_experts_per_tok": 2}}, "nothing states how many"),
        (EXPERTS, {"num_experts_per_tok": 5}, "not all here"),
        (EXPERTS, {"num_experts_per_tok": 0}, "not all here"),
        (EXPERTS, {"num_experts_per_tok": -1}, "not all here"),
        ({name: shape for name, shape in EXPERTS.items() if ".0.w" not in name}, ROUTED, "not all here"),
        ({name: shape for name, shape in EXPERTS.items() if ".2.w" not in name}, ROUTED, "not all here"),
        (EXPERTS | {"h.0.mlp.experts.4.w.weight": [6, 6]}, ROUTED, "differ in size"),
        (EMBEDDING, ROUTED, "no tensor is named as a routed expert"),
        ({"a.shared_experts.w.weight": [6, 5]}, ROUTED, "no tensor is named as a routed expert"),
        ({"a.weight": [6, 5]}, ROUTED, "does not show which weights are experts"),
    ],
)  # fmt: skip
def test_not_known(shapes: dict[str, list[int]], config: dict[str, Any], reason: str) -> None:
    recorded = as_json(paramcount.count({"header": entries(**shapes), "config": config}))["parameters"]
    assert recorded["active"] is None
    assert reason in recorded["unknown"]["active"]


def test_packed_experts() -> None:
    """gpt-oss: blocks of 32 values in 16 bytes, a scale each."""
    shapes = {
        "model.embed_tokens.weight": ("BF16", [7, 32]),
        "h.0.mlp.experts.down_proj_blocks": ("U8", [4, 3, 1, 16]),
        "h.0.mlp.experts.down_proj_scales": ("U8", [4, 3, 1]),
        "h.0.mlp.experts.down_proj_bias": ("BF16", [4, 3]),
    }
    start, listed = 0, {}
    for name, (dtype, shape) in shapes.items():
        size = 2 if dtype == "BF16" else 1
        for length in shape:
            size *= length
        listed[name] = {"dtype": dtype, "shape": shape, "data_offsets": [start, start + size]}
        start += size
    recorded = as_json(paramcount.count({"header": listed, "config": {"num_experts_per_tok": 1}}))["parameters"]
    assert recorded["total"] == 224 + 4 * 3 * 32 + 12
    assert recorded["active"] == 224 + 3 * 32 + 3
    assert as_json(paramcount.count({"header": listed, "config": {"num_experts_per_tok": 1}}))["active"] == {
        "total": 323, "without_input_embedding": 99, "without_embeddings": 99,
    }  # fmt: skip


def test_a_manifest_knows_its_embedding() -> None:
    document = {"parameters": {name: {"shape": shape} for name, shape in (EXPERTS | EMBEDDING).items()}}
    recorded = as_json(paramcount.count(document))["parameters"]
    assert recorded["embedding"] == 50
    assert "nothing states" in recorded["unknown"]["active"]


def test_a_tied_embedding_counts_once() -> None:
    names = ("embed_tokens.weight", "encoder.embed_tokens.weight")
    document = {"parameters": {name: {"shape": [4, 3]} for name in names}, "tied": [list(names)]}
    assert as_json(paramcount.count(document))["parameters"]["embedding"] == 12


@pytest.mark.parametrize("visited", [2, None])
def test_gguf_states_its_router(visited: int | None) -> None:
    """Dimensions are the reverse of torch's: 4 experts of [3, 8], beside an embedding of [5, 8]."""
    writer = gguf.Writer().text("general.architecture", "little")
    if visited:
        writer.number("little.expert_used_count", visited)
    writer.tensor("token_embd.weight", (8, 5)).tensor("blk.0.ffn_up_exps.weight", (8, 3, 4), at=160)
    writer.tensor("blk.0.ffn_up_shexp.weight", (8, 3), at=544).tensor("output.weight", (8, 5), at=640)
    recorded = as_json(paramcount.count(writer.bytes()))["parameters"]
    assert recorded["embedding"] == 40
    assert recorded["active"] == (40 + 2 * 24 + 24 + 40 if visited else None)


def test_first_gguf_experts() -> None:
    writer = gguf.Writer().text("general.architecture", "llama").number("llama.expert_used_count", 1)
    for expert in range(4):
        writer.tensor(f"blk.0.ffn_gate.{expert}.weight", (8, 3), at=96 * expert)
    assert as_json(paramcount.count(writer.bytes()))["parameters"]["active"] == 24


@pytest.mark.parametrize("path", ["embed_tokens", "a..embed_tokens", "a." * 150 + "embed_tokens", "layers.0.wte"])
def test_an_embedding_counts_at_any_path(path: str) -> None:
    report = paramcount.count({"parameters": {f"{path}.weight": {"shape": [10, 4], "dtype": "float32"}}})
    assert report.roles is not None
    assert report.roles.embedding == 10 * 4
