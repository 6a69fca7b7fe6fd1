"""Configs of transformers that several tests count, and what they look up in reports."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from paramcount.counting.count import count
from paramcount.formats.detect import detect, read
from paramcount.model.errors import Problems
from paramcount.model.report import Report, Row

LLAMA: dict[str, Any] = {"architectures": ["LlamaForCausalLM"], "model_type": "llama"}

GEMMA4: dict[str, Any] = {
    "architectures": ["Gemma4ForConditionalGeneration"],
    "model_type": "gemma4",
    "text_config": {
        "hidden_size": 1536, "num_hidden_layers": 35, "intermediate_size": 6144, "num_attention_heads": 8,
        "num_key_value_heads": 1, "head_dim": 256, "global_head_dim": 512, "vocab_size": 262144,
        "hidden_size_per_layer_input": 256, "vocab_size_per_layer_input": 262144,
        "layer_types": (["sliding_attention"] * 4 + ["full_attention"]) * 7,
        "num_kv_shared_layers": 20, "use_double_wide_mlp": True,
    },
}  # fmt: skip

PUBLISHED = yaml.load(Path(__file__).with_name("published.yaml").read_text(), yaml.CSafeLoader)
"""Configs of published models, with the count that their authors state."""

BUILT = yaml.load(Path(__file__).with_name("built.yaml").read_text(), yaml.CSafeLoader)
"""Configs of published models, with the count that transformers gives."""


def count_config(config: dict[str, Any]) -> Report:
    return count(read(config, detect(config)))


def list_problems(config: dict[str, Any]) -> list[tuple[str, str, str]]:
    """The pointer, code and detail of each problem of a config that is refused."""
    with pytest.raises(Problems) as refusal:
        count_config(config)
    return [(problem.pointer, problem.code, problem.detail) for problem in refusal.value.problems]


def find_row(root: Row, path: str) -> Row:
    return next(row for row, _ in root.walk() if row.path == path)


def find_warning(report: Report, code: str) -> str:
    return next(warning.detail for warning in report.warnings if warning.code == code)
