"""The reader of config.json: published counts, and the classes that configs name."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.rendering.fields import active
from tests.formats.huggingface.configs import BUILT, LLAMA, PUBLISHED, count_config, find_warning, list_problems


def _labels(number: int) -> dict[str, str]:
    return {str(label): f"LABEL_{label}" for label in range(number)}


@pytest.mark.parametrize("case", BUILT, ids=lambda case: case["model"])
def test_published_config_counts_as_transformers_builds_it(case: dict[str, Any]) -> None:
    totals = count_config(case["config"]).root.totals
    assert totals.trainable + totals.frozen == case["total"]


@pytest.mark.parametrize("case", PUBLISHED, ids=lambda case: case["source"].partition(" (")[0])
def test_published(case: dict[str, Any]) -> None:
    report = count_config(case["config"])
    assert report.exact
    assert report.root.totals.trainable + report.root.totals.frozen == case["total"]
    active_totals = active(report)
    if "active" in case:
        assert active_totals is not None
        assert active_totals["total"] == case["active"]
    if "billions_active_without_input_embedding" in case:
        assert active_totals is not None
        billions = active_totals["without_input_embedding"] / 1e9
        assert round(billions, 2) == case["billions_active_without_input_embedding"]


def test_without_architectures_the_base_class() -> None:
    report = count_config({"model_type": "bert"})
    assert report.root.type == "BertModel"
    assert "no architectures" in find_warning(report, "base_class")


def test_frozen_by_design() -> None:
    """Whisper's sinusoidal positions: 1500 · 768, never trained."""
    config = next(case["config"] for case in PUBLISHED if "whisper" in case["source"])
    assert count_config(config).root.totals.frozen == 1500 * 768


def test_dtype_is_of_the_weights() -> None:
    config, total = PUBLISHED[0]["config"], PUBLISHED[0]["total"]
    assert count_config(config).root.totals.bytes == 2 * total
    assert count_config(config | {"torch_dtype": None, "dtype": "float32"}).root.totals.bytes == 4 * total


def test_classes_of_transformers_come_before_code_beside_the_config() -> None:
    """transformers does so, unless trust_remote_code is set."""
    report = count_config(LLAMA | {"auto_map": {"AutoModelForCausalLM": "modeling_llama.LlamaForCausalLM"}})
    assert report.root.totals == count_config(LLAMA).root.totals
    assert "never run" in find_warning(report, "remote_code")


def test_code_beside_a_config_counts_as_its_base_on_request() -> None:
    config = {**LLAMA, "architectures": ["MyLlamaForCausalLM"], "auto_map": {"AutoModelForCausalLM": "mine.My"}}
    report = count(read(config, detect(config), "base"))
    assert report.root.totals == count_config(LLAMA).root.totals
    assert not report.exact
    assert "never run" in find_warning(report, "remote_code")
    assert [problem[:2] for problem in list_problems(config)] == [("/auto_map", "remote_code")]


def test_a_class_that_older_code_spelt_otherwise() -> None:
    older = count_config({"architectures": ["MPTForCausalLM"], "model_type": "mpt"})
    assert older.root.totals == count_config({"architectures": ["MptForCausalLM"], "model_type": "mpt"}).root.totals


def test_a_near_name_is_offered() -> None:
    ((_, _, detail),) = list_problems(LLAMA | {"architectures": ["LlamaForCausalML"]})
    assert 'did you mean "LlamaForCausalLM"' in detail


@pytest.mark.parametrize(
    ("name", "config", "total"),
    [
        (
            "EfficientNetForImageClassification",  # B0, with the 5.3M parameters of the paper
            {"width_coefficient": 1.0, "depth_coefficient": 1.0, "hidden_dim": 1280, "id2label": _labels(1000)},
            5_288_548,
        ),
        (
            "LevitForImageClassification",
            {"hidden_sizes": [192, 288, 384], "num_attention_heads": [3, 5, 6], "key_dim": [32, 32, 32],
             "id2label": _labels(1000)},
            10_561_301,
        ),
        (
            "Zamba2ForCausalLM",
            {"num_mem_blocks": 2, "use_shared_attention_adapter": True, "hidden_size": 256, "num_attention_heads": 8},
            41_713_936,
        ),
    ],
)  # fmt: skip
def test_classes_that_a_person_wrote_down(name: str, config: dict[str, Any], total: int) -> None:
    """As many as transformers 5.23 builds."""
    assert count_config({"architectures": [name], **config}).root.totals.trainable == total


def test_more_blocks_of_stages_than_are_listed_are_refused() -> None:
    config = {"architectures": ["EfficientNetModel"], "depth_coefficient": 1000}
    assert "at most 4,096 blocks" in list_problems(config)[0][2]
