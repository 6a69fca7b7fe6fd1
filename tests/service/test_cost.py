"""Short requests in which small numbers make many tensors or modules: what they make grows with their length."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

LSTM = {"type": "LSTM", "input_size": 2, "hidden_size": 2, "proj_size": 1, "bidirectional": True}
BLOCKS = {"type": "Block", "name": "0-9998", "repeat": 9_999}
LINEAR = {"type": "Linear", "name": "q", "in_features": 8, "out_features": 8}


def torch(*layers: Any) -> dict[str, Any]:
    return {"framework": "torch", "layers": layers}


def stacks(count: int, layers: int) -> dict[str, Any]:
    return torch(*({**LSTM, "hidden_size": 2 + index, "num_layers": layers} for index in range(count)))


def nest_blocks(depth: int) -> dict[str, Any]:
    block: dict[str, Any] = LINEAR
    for _ in range(depth):
        block = {"type": "Block", "name": "0-98", "repeat": 99, "layers": [block]}
    return torch(block)


@pytest.mark.parametrize(
    ("query", "document", "detail"),
    [
        ("", stacks(60, 1000), "tensors that a request of this length may hold are exceeded"),
        ("", stacks(1, 1000), "tensors that a request of this length may make"),
        ("detail=tensors", stacks(1, 500), "ask with detail=layers"),
        ("", stacks(1, 500), ""),
        ("detail=tensors", stacks(60, 100), ""),
    ],
)
def test_tensors(client: FlaskClient, query: str, document: Any, detail: str) -> None:
    answer = client.post(f"/v1/count/native?{query}", json=document)
    assert answer.status_code == (422 if detail else 200)
    assert detail in answer.text


def test_a_printed_model(client: FlaskClient) -> None:
    layers = "\n".join(f"  ({index}): LSTM(8, {8 + index}, num_layers=1000)" for index in range(9))
    answer = client.post("/v1/count/torch", data=f"M(\n{layers}\n)", content_type="text/plain")
    assert answer.status_code == 422
    assert "tensors" in answer.text


@pytest.mark.parametrize(
    ("document", "targets", "detail"),
    [
        (torch({**BLOCKS, "layers": [LINEAR]}), r"(?!x).*\.q", ""),
        (torch({**BLOCKS, "layers": [LINEAR]}), r"(\d)?.*\.q\b", ""),
        (nest_blocks(2), r"(?!x).*5.*\.q", ""),
        (nest_blocks(3), r"(?!x).*5.*\.q", "modules"),
        (nest_blocks(3), ["q"], ""),  # no copies are told apart
    ],
)
def test_modules_that_an_adapter_looks_at(client: FlaskClient, document: Any, targets: Any, detail: str) -> None:
    adapter = {"peft_type": "LORA", "r": 8, "target_modules": targets}
    answer = client.post("/v1/count", json={"architecture": document, "adapter": adapter, "detail": "totals"})
    assert answer.status_code == (422 if detail else 200), answer.text
    assert detail in answer.text
