"""Warnings of embeddings, experts and checkpoints."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.rendering.fields import active, embedding
from tests.formats.huggingface.configs import LLAMA, PUBLISHED, count_config, find_warning


def test_embeddings() -> None:
    """vocab_size · hidden_size, once where the output is the same tensor."""
    size = 32000 * 4096
    total = count_config(LLAMA).root.totals.trainable
    assert embedding(count_config(LLAMA)) == {"input": size, "output": size, "non_embedding": total - size}
    tied = embedding(count_config(LLAMA | {"tie_word_embeddings": True}))
    assert tied == {"input": size, "output": 0, "non_embedding": total - 2 * size}


def test_only_a_mixture_of_experts_is_active_in_part() -> None:
    assert active(count_config(LLAMA)) is None
    mixtral = count_config(next(case["config"] for case in PUBLISHED if "Mixtral" in case["source"]))
    active_totals = active(mixtral)
    assert active_totals is not None
    assert active_totals["total"] - active_totals["without_input_embedding"] == 32000 * 4096
    assert active_totals["without_input_embedding"] - active_totals["without_embeddings"] == 32000 * 4096


def test_checkpoints_that_differ() -> None:
    config = next(case["config"] for case in PUBLISHED if "t5" in case["source"])
    assert "lm_head" in find_warning(count_config(config | {"tie_word_embeddings": False}), "checkpoint_differs")
    mixtral = next(case["config"] for case in PUBLISHED if "Mixtral" in case["source"])
    assert "experts" in find_warning(count_config(mixtral), "checkpoint_differs")


@pytest.mark.parametrize(
    ("more", "is_quantized"),
    [
        ({"quantization_config": {"quant_method": "fp8"}}, True),
        ({"quantization": {"bits": 4, "group_size": 64}}, True),
        ({"text_config": {"quantization_config": {"quant_method": "gptq"}}}, True),
        ({"quantization_config": None}, False),
        ({"quantization_config": {}}, False),
        ({}, False),
    ],
)
def test_a_quantized_model_is_counted_as_before_it_is_quantized(more: dict[str, Any], is_quantized: bool) -> None:
    report = count_config(LLAMA | more)
    assert report.root.totals == count_config(LLAMA).root.totals
    assert ("quantization" in {warning.code for warning in report.warnings}) is is_quantized
