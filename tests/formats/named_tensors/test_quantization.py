"""Bits and groups of a layer, by configs of every form."""

from __future__ import annotations

from typing import Any

import pytest

from paramcount.formats.named_tensors.packed import quantization
from paramcount.formats.named_tensors.packed.quantization import Quantization


def groups(**targets: list[str]) -> dict[str, Any]:
    """Return config_groups: b4=["Linear"] has 4 bits for the class Linear."""
    return {
        "config_groups": {
            name: {"targets": each, "weights": {"num_bits": int(name[1:])}} for name, each in targets.items()
        }
    }


@pytest.mark.parametrize(
    ("config", "layer", "bits"),
    [
        ({}, "q", None),
        ({"bits": 4}, "q", 4),
        ({"w_bit": 4}, "q", 4),
        ({"quantization_config": {"bits": 3}, "bits": 5}, "q", 3),
        ({"quantization": {"bits": 6}}, "q", 6),
        ({"text_config": {"quantization_config": {"bits": 4}}}, "q", 4),
        ({"llm_config": {"quantization_config": {"bits": 4}}}, "q", 4),
        ({"quantization_config": {"bits": 8}, "text_config": {"quantization_config": {"bits": 4}}}, "q", 8),
        # One layer's own: MLX, AutoRound.
        ({"quantization": {"bits": 4, "a.q": {"bits": 8}}}, "a.q", 8),
        ({"quantization": {"bits": 4, "a.q": {"bits": 8}}}, "q", 4),
        ({"quantization": {"bits": 4, "a.q": False}}, "a.q", 4),
        ({"quantization_config": {"bits": 4, "extra_config": {"a.q": {"bits": 2}}}}, "a.q", 2),
        # A path precedes expressions, and these precede a class; of two expressions the first by its text counts.
        (groups(b4=["Linear"], b8=["re:.*q$"], b2=["a.q"]), "a.q", 2),
        (groups(b4=["Linear"], b8=["re:.*q$"], b2=["a.q"]), "b.q", 8),
        (groups(b4=["Linear"], b8=["re:.*q$"], b2=["a.q"]), "b.k", 4),
        (groups(b4=["re:.*q"], b8=["re:.*[qk]"]), "q", 8),  # "[" is before "q"
        (groups(b4=["re:q"], b8=["re:k"]), "a.q", None),  # from the start, as re.match has it
        (groups(b4=["re:a\\.q"], b8=["Linear"]), "a.q_proj", 4),  # and not to the end
        (groups(b4=["Linear"], b8=["Embedding"]), "q", None),
        (groups(b4=["Linear", "Embedding"], b8=["lm_head"]), "q", 4),
        (groups(b4=["re:(?<=a)q"], b8=["Linear"]), "q", None),
        (groups(b4=["re:(?<=a)q", "Linear"]), "q", 4),  # whichever it is
        (groups(b4=["re:("], b8=["Linear"]), "q", None),
        (
            {"quantization_config": {"quant_config": {"weight_quant_params": {"nbits": 2}}, "quant_method": "hqq"}},
            "q",
            2,
        ),
    ],
)
def test_bits(config: Any, layer: str, bits: int | None) -> None:
    assert Quantization(config).settings(layer).bits == bits


@pytest.mark.parametrize("value", [None, 0, -1, 4.0, "4", True, [4], {}, 2**80, 17])
def test_what_is_no_number_of_bits(value: Any) -> None:
    assert Quantization({"bits": value, "group_size": value}).settings("q").bits is None
    assert Quantization(groups(b4=["Linear"]) | {"bits": value}).settings("q").bits == 4


ANYTHING: list[Any] = [
    None,
    [],
    {},
    "x",
    5,
    {"x": []},
    {"x": {"weights": 3}},
    {"x": {"targets": 3}},
    {"x": {"targets": [3, None]}},
]


@pytest.mark.parametrize("value", ANYTHING)
@pytest.mark.parametrize(
    "member",
    [
        "quantization_config",
        "quantization",
        "text_config",
        "config_groups",
        "extra_config",
        "quant_config",
        "expert_dtype",
    ],
)
def test_configs_of_any_kind_are_read(member: str, value: Any) -> None:
    for config in ({member: value}, {"quantization_config": {member: value}}, {"text_config": {member: value}}):
        assert Quantization(config).settings("q") == quantization.NO_SETTINGS


def test_expressions_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    config = groups(b4=[f"re:{'a' * n}" for n in range(1, 50)], b8=["Linear"])
    assert Quantization(config).settings("b").bits == 8
    for bound in ("_MAX_PATTERNS", "_MAX_PATTERN_CHARACTERS", "_MAX_MATCH_STEPS"):
        with monkeypatch.context() as patch:
            patch.setattr(quantization, bound, 40)
            assert Quantization(config).settings("b").bits is None
