"""Requests of few bytes, each aimed at one cost: the calls that an answer takes, whatever the clock says."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from flask.testing import FlaskClient

from paramcount.requests import count

MIN_CALLS, CALLS_PER_BYTE = 400_000, 400
"""The calls that a request may take: one takes from a tenth of a microsecond to a few."""

HEADER = {"safetensors_header": {"a": {"dtype": "F32", "shape": [3], "data_offsets": [0, 12]}}}
CLIP = {"model_type": "clip_text_model", "architectures": ["CLIPTextModel"], "num_hidden_layers": 4_000_000}
PIPELINE = {"vae": ["diffusers", "AutoencoderKL"], "text_encoder": ["transformers", "CLIPTextModel"]}
UNET = {
    "_class_name": "UNet2DConditionModel",
    "block_out_channels": [32] * 100,
    "down_block_types": ["DownBlock2D"] * 100,
    "up_block_types": ["UpBlock2D"] * 100,
    "layers_per_block": 1000,
}

LINEAR = {"type": "Linear", "name": "q", "in_features": 8, "out_features": 8}


def torch(*layers: Any, **options: Any) -> dict[str, Any]:
    return {"architecture": {"framework": "torch", "layers": layers}, "detail": "totals", **options}


def nest(copies: int, depth: int) -> dict[str, Any]:
    block: dict[str, Any] = LINEAR
    for _ in range(depth):
        block = {"type": "Block", "name": f"0-{copies - 1}", "repeat": copies, "layers": [block]}
    return block


def freeze(*globs: str) -> list[dict[str, Any]]:
    return [{"match": glob, "trainable": False} for glob in globs]


def adapt(**members: Any) -> dict[str, Any]:
    return {"peft_type": "LORA", "r": 8, "target_modules": ["q"], **members}


KEYS = {f"z{number}": 8 for number in range(100)}
WIDE = "(?i:[\x01-\uffff])"


def test_the_texts_of_rules_in_all_rows_are_bounded(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    body = torch(LINEAR, LINEAR | {"name": "k"}, trainable=freeze("q", "*")) | {"detail": "layers"}
    texts = len("*") * 3  # of the model and both layers: the last rule decides
    statuses = []
    for most in (texts, texts - 1):
        monkeypatch.setattr(count, "MAX_PATH_CHARS", most)
        statuses.append(client.post("/v1/count", json=body).status_code)
    assert statuses == [200, 422]
    assert client.post("/v1/count", json=body | {"detail": "totals"}).status_code == 200


def count_calls(client: FlaskClient, body: dict[str, Any]) -> int:
    """Return the number of calls, of Python's functions and of C's, until a request is answered."""
    calls = 0

    def add_call(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    client.post("/v1/count", json=body)  # what is loaded once is not its cost
    sys.setprofile(add_call)
    try:
        answer = client.post("/v1/count", json=body)
    finally:
        sys.setprofile(None)
    assert answer.status_code in (200, 422), answer.text
    return calls


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            {
                "files": {
                    "model_index.json": PIPELINE,
                    "vae/model.safetensors": HEADER,
                    "text_encoder/config.json": CLIP,
                }
            },
            id="the buffers of a pipeline of endless layers",
        ),
        pytest.param(UNET, id="a hundred blocks of a thousand equal layers"),
    ],
)
def test_calls(client: FlaskClient, body: dict[str, Any]) -> None:
    assert count_calls(client, body) < MIN_CALLS + CALLS_PER_BYTE * len(str(body))


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (torch(nest(1_000, 3), trainable=freeze("first:3:zzz")), "tell more copies of blocks apart"),
        (torch(nest(9_999, 4), trainable=freeze("*1*2*3*4*5*6*7*")), "tell more copies of blocks apart"),
        (torch(nest(9_999, 1), adapter=adapt(rank_pattern=KEYS)), "more expressions"),
        (torch(nest(9_999, 1), adapter=adapt(modules_to_save=[*KEYS])), "more expressions"),
        (torch(LINEAR, adapter=adapt(rank_pattern={f"(?!x){WIDE * 100}": 8})), "has ranges of more than"),
        (
            torch(LINEAR, {"type": "Block", "name": "b", "shares": "l" * 9_000, "layers": [LINEAR] * 9_000}),
            "characters together",
        ),
        (
            torch(
                {"type": "LSTM", "name": "l", "input_size": 2, "hidden_size": 2, "num_layers": 900},
                {"type": "LSTM", "input_size": 2, "hidden_size": 2, "num_layers": 900, "shares": "l" * 50_000},
            ),
            "characters together",
        ),
    ],
)
def test_refused(client: FlaskClient, body: dict[str, Any], detail: str) -> None:
    answer = client.post("/v1/count", json=body)
    assert (answer.status_code, detail in answer.text) == (422, True), answer.text[:300]
