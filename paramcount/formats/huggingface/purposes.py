"""The purposes of tensors, by their names: token embeddings, output heads, experts."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from paramcount.formats.huggingface.blueprints import index_placeholder

_EXPERTS = re.compile(r"(?:\w+_)?experts", re.ASCII)
_SHARED = re.compile(r".*shared", re.ASCII)
_INPUT_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|embed_in|wte|word_embeddings|tok_embeddings|shared)\.weight$")
_HEAD = re.compile(r"^(lm_head|embed_out|output_projection)\.weight$")

FUSED = -1
"""Instead of an axis of blocks: all experts of a layer are one tensor, along the first dimension of its shape."""


class Purpose(NamedTuple):
    """The purpose of an entry's tensors, by its name."""

    embeds_tokens: bool
    is_head: bool
    expert_axis: int | None  # the axis of blocks whose index counts experts, or FUSED; None: it belongs to no expert


def detect_purpose(name: str) -> Purpose | None:
    """The purpose that a template such as model.layers.{i}.mlp.experts.{j}.w1.weight names, if any."""
    embeds_tokens, is_head = bool(_INPUT_EMBEDDING.search(name)), bool(_HEAD.search(name))
    expert_axis = _find_expert_axis(name)
    if embeds_tokens or is_head or expert_axis is not None:
        return Purpose(embeds_tokens, is_head, expert_axis)
    return None


def _find_expert_axis(name: str) -> int | None:
    for step, next_step in pairwise(name.split(".")):
        if _EXPERTS.fullmatch(step) and not _SHARED.match(step):
            placeholder = index_placeholder(next_step)
            return placeholder[1] if placeholder else FUSED
    return None
