"""Adapters on one model, one after another: no count has what an earlier adapter made of a part that is cached."""

from __future__ import annotations

import pytest

import paramcount

VIT = {"library": "timm", "name": "vit_tiny_patch16_224"}
TRAINABLE = {(8, "qkv"): 73_728, (8, "proj"): 44_544, (16, "qkv"): 147_456, (16, "proj"): 89_088}
"""The parameters of timm's model that train under PEFT 0.21.2, by r and target_modules."""


@pytest.mark.parametrize("order", [1, -1])
def test_adapters_on_a_model_of_cached_parts(order: int) -> None:
    for (rank, target), trainable in [*TRAINABLE.items()][::order]:
        base = paramcount.count(VIT)
        adapted = paramcount.count(VIT, adapter={"peft_type": "LORA", "r": rank, "target_modules": [target]})
        assert base.totals["trainable"] == 5_717_416
        assert (adapted.totals["trainable"], adapted.totals["frozen"]) == (trainable, 5_717_416)
