"""The layers of a config: equal blocks are one row, others stand apart."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.rendering.fields import active
from tests.formats.huggingface.configs import LLAMA, count_config, find_row, list_problems


def test_blocks_are_folded_under_their_indices() -> None:
    report = count_config(LLAMA)
    layers = find_row(report.root, "model.layers.0-31")
    assert layers.repeat == 32
    assert find_row(report.root, "model.layers.0-31.self_attn.q_proj").tensors[0].shape == (4096, 4096)


def test_different_blocks_have_their_rows() -> None:
    config = {"architectures": ["DeepseekV3ForCausalLM"], "model_type": "deepseek_v3", "first_k_dense_replace": 2}
    root = count_config(config).root
    assert find_row(root, "model.layers.0-1.mlp.gate_proj")
    assert find_row(root, "model.layers.2-60.mlp.experts")


def test_blocks_that_are_numbered_within_a_word_keep_their_names() -> None:
    """Every second of four layers holds three experts, and a token visits one; the total is num_parameters()."""
    few = dict.fromkeys(("num_layers", "num_decoder_layers"), 4)
    sparse = dict.fromkeys(("num_sparse_encoder_layers", "num_sparse_decoder_layers"), 2)
    model = {"architectures": ["SwitchTransformersForConditionalGeneration"], "model_type": "switch_transformers"}
    report = count_config(model | few | sparse | {"num_experts": 3})
    experts = find_row(report.root, "encoder.block.1,3.layer.1.mlp.experts")
    assert [child.name for child in experts.children] == ["expert_0", "expert_1", "expert_2"]
    assert report.root.totals.trainable == 103_344_384
    active_totals = active(report)
    assert active_totals is not None
    inactive = 4 * 2 * 2 * 768 * 2048  # layers · experts that are not visited · wi, wo · d_model · d_ff
    assert active_totals["total"] == 103_344_384 - inactive


def test_a_tied_tensor_is_counted_once() -> None:
    tied, free = count_config(LLAMA | {"tie_word_embeddings": True}), count_config(LLAMA)
    (head,) = find_row(tied.root, "lm_head").tensors
    assert head.tied_to == "model.embed_tokens.weight"
    assert free.root.totals.trainable - tied.root.totals.trainable == 32000 * 4096  # vocab_size · hidden_size


def test_the_number_of_layers_costs_nothing() -> None:
    report = count_config(LLAMA | {"num_hidden_layers": 10**6, "hidden_size": 32, "num_attention_heads": 2})
    assert report.row_count == count_config(LLAMA).row_count
    assert find_row(report.root, "model.layers.0-999999").repeat == 10**6


SEGFORMER: dict[str, Any] = {"architectures": ["SegformerModel"], "model_type": "segformer"}


@pytest.mark.parametrize(
    ("config", "detail"),
    [
        ({"architectures": ["JambaModel"], "model_type": "jamba", "num_hidden_layers": 10**6}, "runs of layers"),
        ({"architectures": ["DeepseekV32Model"], "model_type": "deepseek_v32", "num_hidden_layers": 10**6}, "differ"),
        (SEGFORMER | {"num_encoder_blocks": 5000, "depths": [1] * 5000}, "at most 4,096 layers may differ"),
        (
            SEGFORMER | {"num_encoder_blocks": 4000, "depths": [1] * 4000, "hidden_sizes": [*range(1, 4001)]}
            | dict.fromkeys(("sr_ratios", "num_attention_heads", "mlp_ratios", "patch_sizes"), [3] * 4000),
            "more than 40,000 layers",
        ),
        ({"architectures": ["NllbMoeModel"], "model_type": "nllb-moe", "num_experts": 10**6}, "more than 40,000"),
    ],
)  # fmt: skip
def test_too_large(config: dict[str, Any], detail: str) -> None:
    ((_, code, problem_detail),) = list_problems(config)
    assert code == "too_large"
    assert detail in problem_detail


def test_a_list_is_searched_once_for_all_blocks() -> None:
    config = {"architectures": ["Lfm2ForCausalLM"], "model_type": "lfm2", "layer_types": None}
    few = count_config(config | {"full_attn_idxs": [1, 3], "num_hidden_layers": 5})
    assert [row.name for row in find_row(few.root, "model.layers").children] == ["0,2,4", "1,3"]
    many = count_config(config | {"full_attn_idxs": [3] * 99_999 + [1], "num_hidden_layers": 4096})
    assert [row.name for row in find_row(many.root, "model.layers").children] == ["0,2,4-4095", "1,3"]


def test_blocks_that_differ_only_inside() -> None:
    """The first block of each stage has a shortcut; all others are equal."""
    root = count_config({"architectures": ["RegNetModel"], "model_type": "regnet"}).root
    names = [row.name for row in find_row(root, "encoder.stages.1.layers").children]
    assert names == ["0", "1-5"]
    assert find_row(root, "encoder.stages.1.layers.0.shortcut")


def test_detectors_tie_each_block_to_the_block_of_its_index() -> None:
    report = count_config({"architectures": ["RTDetrV2ForObjectDetection"], "model_type": "rt_detr_v2"})
    boxes = find_row(report.root, "bbox_embed.0-5.layers.0-1")
    assert boxes.tensors[0].tied_to == "model.decoder.bbox_embed.0-5.layers.0-1.weight"
