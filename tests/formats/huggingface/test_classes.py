"""The class that a config is counted as."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.formats.huggingface.blueprints import load_index
from paramcount.formats.huggingface.classes import RENAMED
from tests.formats.huggingface.configs import LLAMA, count_config, find_warning, list_problems

T5 = {"model_type": "t5", "d_model": 512, "d_kv": 64, "d_ff": 2048, "num_layers": 6, "num_heads": 8}


@pytest.mark.parametrize(
    ("config", "counted"),
    [
        (T5 | {"architectures": ["T5WithLMHeadModel"]}, "T5ForConditionalGeneration"),
        ({"architectures": ["BartForMaskedLM"], "model_type": "bart"}, "BartForConditionalGeneration"),
        ({"architectures": ["MPTForCausalLM"], "model_type": "mpt"}, "MptForCausalLM"),
        ({"architectures": ["Ernie4_5_ForCausalLM"], "model_type": "ernie4_5"}, "Ernie4_5ForCausalLM"),
    ],
)
def test_older_names(config: dict[str, Any], counted: str) -> None:
    report = count_config(config)
    current = count_config(config | {"architectures": [counted]})
    assert report.exact
    assert report.root.totals == current.root.totals
    assert counted in find_warning(report, "other_name")


def test_the_older_names_are_of_classes_that_ship() -> None:
    classes = load_index().classes
    assert all(current in classes and older not in classes for older, current in RENAMED.items())


@pytest.mark.parametrize(
    ("config", "counted"),
    [
        ({"architectures": ["GPTNeoLMHeadModel"], "model_type": "gpt_neo"}, "GPTNeoForCausalLM"),
        ({"architectures": ["RobertaWithLMHeadModel"], "model_type": "roberta"}, "RobertaForMaskedLM"),
        (T5 | {"architectures": ["TFT5ForConditionalGeneration"]}, "T5ForConditionalGeneration"),
        ({"architectures": ["FlaxBertModel"], "model_type": "bert"}, "BertModel"),
    ],
)
def test_names_that_transformers_never_had_are_not_exact(config: dict[str, Any], counted: str) -> None:
    report = count_config(config)
    assert not report.exact
    assert report.root.totals == count_config(config | {"architectures": [counted]}).root.totals
    assert counted in find_warning(report, "other_name")


@pytest.mark.parametrize(
    ("config", "advice"),
    [
        ({"architectures": ["MyLlama"], "model_type": "llama"}, True),
        ({"architectures": ["MyLlama"], "model_type": "llama", "auto_map": {"AutoModel": "mine.My"}}, True),
        ({"architectures": ["ChatGLMModel"], "model_type": "chatglm", "auto_map": {"AutoModel": "mine.My"}}, False),
        ({"architectures": ["Mine"], "auto_map": {"AutoModel": "mine.My"}}, False),
        ({"model_type": "mine", "auto_map": {"AutoModel": "mine.My"}}, False),
        ({"architectures": ["MyLlama"], "model_type": "mine"}, False),
        ({"architectures": ["TimmWrapperModel"], "model_type": "timm_wrapper"}, False),
    ],
)
def test_the_base_class_is_advised_where_it_can_be_counted(config: dict[str, Any], advice: bool) -> None:
    problems = list_problems(config)
    assert ["remote_code=base" in detail for _, _, detail in problems] == [advice]
    if advice:
        report = count(read(config, detect(config), "base"))
        assert not report.exact
        assert "as was asked" in find_warning(report, "remote_code")


def test_a_class_of_other_code_counts_as_the_one_with_the_same_head() -> None:
    config = {**LLAMA, "architectures": ["MyLlamaForCausalLM"]}
    assert count(read(config, detect(config), "base")).root.totals == count_config(LLAMA).root.totals


def test_the_base_is_for_no_class_that_transformers_has() -> None:
    config = {**LLAMA, "architectures": ["LlamaForCausalLM"]}
    report = count(read(config, detect(config), "base"))
    assert report.exact
    assert report.root.totals == count_config(LLAMA).root.totals


def test_a_near_name_is_one_of_the_model_type() -> None:
    ((_, _, detail),) = list_problems(T5 | {"architectures": ["T5ForConditionalGenerations"]})
    assert 'did you mean "T5ForConditionalGeneration"' in detail
