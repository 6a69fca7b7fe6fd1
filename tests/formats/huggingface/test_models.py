"""Built models are cached: equal configs share one, and no others do."""

from __future__ import annotations

from typing import Any

from paramcount.formats.detect import detect, read
from paramcount.model.layers import Layer
from tests.formats.huggingface.configs import LLAMA, count_config, list_problems


def test_a_cached_config_is_no_other() -> None:
    for _ in range(3):
        assert count_config(LLAMA | {"num_hidden_layers": 1}).exact
        for other in (1.0, True, "1", None):
            ((pointer, _, _),) = list_problems(LLAMA | {"num_hidden_layers": other})
            assert pointer == "/num_hidden_layers"


def root(**changes: Any) -> Layer:
    config = LLAMA | changes
    return read(config, detect(config)).root


def test_a_model_is_kept_when_it_comes_for_the_second_time() -> None:
    first, second, third = (root(vocab_size=12_347) for _ in range(3))
    assert first is not second
    assert second is third


def test_configs_that_build_the_same_share_one_model() -> None:
    for _ in range(2):
        root()
    assert root(transformers_version="5.0.0", id2label={"0": "a", "1": "b"}) is root()
    assert root(hidden_size=2048) is not root()
    assert root(dtype="bfloat16") is not root()
