"""What tensors are for, as their names tell: which embed tokens, and which are of experts."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from paramcount.formats.huggingface.blueprints import hole

_EXPERTS = re.compile(r"(?:\w+_)?experts", re.ASCII)
_SHARED = re.compile(r".*shared", re.ASCII)
_INPUT_EMBEDDING = re.compile(r"(^|\.)(embed_tokens|embed_in|wte|word_embeddings|tok_embeddings|shared)\.weight$")
_HEAD = re.compile(r"^(lm_head|embed_out|output_projection)\.weight$")


class Purpose(NamedTuple):
    """What the name of an entry says of its tensors."""

    embeds: bool  # tokens
    is_head: bool
    experts: int | None  # of which axis its blocks are experts; -1: the first of its shape; None: it is of no expert


@lru_cache(maxsize=65536)
def purpose_of(name: str) -> Purpose | None:
    """What a template such as model.layers.{i}.mlp.experts.{j}.w1.weight says, if anything."""
    embeds, is_head, experts = bool(_INPUT_EMBEDDING.search(name)), bool(_HEAD.search(name)), _experts(name)
    return Purpose(embeds, is_head, experts) if embeds or is_head or experts is not None else None


def _experts(name: str) -> int | None:
    steps = name.split(".")
    for step, below in pairwise(steps):
        if _EXPERTS.fullmatch(step) and not _SHARED.match(step):
            numbered = hole(below)
            return numbered[1] if numbered else -1
    return None
