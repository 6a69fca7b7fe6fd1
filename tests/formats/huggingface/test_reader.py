"""The reader of config.json: published counts, and the classes that configs name."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.rendering.fields import active
from tests.formats.huggingface.configs import LLAMA, PUBLISHED, count_config, find_warning, list_problems


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
