"""Requests of few bytes, each aimed at one cost: the calls that an answer takes, whatever the clock says."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest
from flask.testing import FlaskClient

MIN_CALLS, CALLS_PER_BYTE = 300_000, 1_000
"""The calls that a request may take: a call takes about a tenth of a microsecond to one microsecond."""

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


def count_calls(client: FlaskClient, body: dict[str, Any]) -> int:
    """Return the number of calls, of Python's functions and of C's, until a request is answered."""
    calls = 0

    def count(_frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    client.post("/v1/count", json=body)  # what is loaded once is not its cost
    sys.setprofile(count)
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
