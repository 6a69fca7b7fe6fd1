"""The contract as tests hold answers against it, and a model to count."""

from __future__ import annotations

from typing import Any

from paramcount.schema.validator import Validator
from service.app import create_app
from service.contract.openapi import build_document

CONTRACT = build_document(create_app())

MODEL: dict[str, Any] = {
    "framework": "keras",
    "input_shape": [3],
    "layers": [
        {"type": "Normalization", "name": "normalise"},
        {"type": "Dense", "name": "hidden", "units": 4},
        {"type": "Dense", "name": "answer", "units": 1},
    ],
}

ADAPTER = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}
"""For tests.builders.adapters.LLAMA."""

ADAPTER_SIZE = 4 * 2 * (64 + 64)  # 4 blocks, rank 2, q_proj of 64 by 64


def dense(units: Any = 4, **config: Any) -> dict[str, Any]:
    """A model of one layer."""
    return {"framework": "keras", "input_shape": [3], "layers": [{"type": "Dense", "units": units, **config}]}


def assert_conforms(component: str, answer: Any) -> None:
    """Fail unless `answer` conforms to a component of the contract."""
    schema = {"$ref": f"#/components/schemas/{component}", "components": CONTRACT["components"]}
    assert [(error.pointer, error.detail) for error in Validator(schema).problems(answer)] == []


def assert_problem(answer: Any, status: int) -> Any:
    """Fail unless `answer` is a problem of that status; return its members."""
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert_conforms("Problem", answer.json)
    assert answer.json["status"] == status
    return answer.json
