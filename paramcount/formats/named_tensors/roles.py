"""The roles of a checkpoint's weights, as names and shapes tell them: token embeddings, output heads, experts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from paramcount.model import block_ranges
from paramcount.model.layers import Layer
from paramcount.model.report import WeightRoles
from paramcount.model.tensors import UNKNOWN_SIZE, Tensor

_INPUTS = ("embed_tokens", "embed_in", "wte", "word_embeddings", "tok_embeddings", "shared", "token_embd")
_HEADS = ("lm_head", "embed_out", "output_projection", "output")
"""The layers that embed tokens, and those of the output, by the last part of their path; heads are at the root."""

_EXPERTS = re.compile(r"(?:\w+_)?experts|ffn_\w*exps", re.ASCII)
_SHARED = re.compile(r".*shared", re.ASCII)
_EXPERT_MARKS = {"experts": "experts.", "exps": "exps.", "ffn_gate": ".ffn_gate.0."}
"""Parts of the names that experts may have, by the word in each; the last is of the first files of Mixtral in GGUF."""

_EXPERT = re.compile(r"expert_\d+", re.ASCII)
"""The layer of one expert, where its index is not all of its name."""

_FIRST_GGUF_EXPERTS = frozenset(("ffn_gate", "ffn_up", "ffn_down"))

_NO_NAMES = "no tensor is named as a routed expert"
_NO_ROUTER = "nothing states how many experts one token visits: a config beside the weights would"
_UNEQUAL = "the experts of a layer differ in size or are not all here"
_UNKNOWN = "experts are packed, and nothing proves how many values they hold"

Visited = Callable[[], int | None]
"""Returns how many experts one token visits; called only where there are experts."""


class _Experts(NamedTuple):
    """The experts of one layer, in all copies of it."""

    number: int
    values: int  # or UNKNOWN_SIZE
    equal: bool = True


def find_roles(tensors: Mapping[str, Tensor], root: Layer, visited: Visited = lambda: None) -> WeightRoles | None:
    """Return the roles of the weights of a checkpoint, whose layers are `root`; None where no name tells any."""
    words = _join_words(root)  # few, where blocks are equal: only what is among them is looked for in all names
    inputs, heads = ([layer for layer in layers if layer in words] for layers in (_INPUTS, _HEADS))
    marks = [mark for word, mark in _EXPERT_MARKS.items() if word in words]
    if not inputs and not marks:
        return None
    names = "\n".join(("", *tensors, ""))
    embedding = _sum_named(names, tensors, inputs, ".")
    head = _sum_named(names, tensors, heads, "\n") or 0
    if not any(mark in names for mark in marks):
        return None if embedding is None else WeightRoles(embedding, head, None, _NO_NAMES)
    inactive, unknown = _count_inactive(list(_find_experts(root, 1)), visited)
    return WeightRoles(embedding, head, inactive, unknown)


def _join_words(root: Layer) -> str:
    """Return the names of all layers and tensors in a tree, which hold all words of the full names."""
    words: list[str] = []
    pending = [root]
    while pending:
        layer = pending.pop()
        words += [tensor.name for tensor in layer.tensors]
        words += [child.name for child in layer.children]
        pending += layer.children
    return "\n".join(words)


def _sum_named(names: str, tensors: Mapping[str, Tensor], layers: Sequence[str], before: str) -> int | None:
    """Return the values of the weights of layers of these names; None where there is none, or a size is unknown.

    `names` are those of all tensors, a line each; `before` stands before the layer's name, or a line's beginning does.
    """
    total = None
    for layer in layers:
        ending, start = f"{layer}.weight\n", -1
        while (start := names.find(ending, start + 1)) >= 0:
            if names[start - 1] in (before, "\n"):
                name = names[names.rfind("\n", 0, start) + 1 : start + len(ending) - 1]
                values = _count_values(tensors[name])
                if values == UNKNOWN_SIZE:
                    return None
                total = (total or 0) + values
    return total


def _count_values(tensor: Tensor) -> int:
    """Return the values that a weight holds, or UNKNOWN_SIZE; 0 of a buffer, and of a tied one."""
    if tensor.tied_to:
        return 0
    if tensor.logical_size is not None:
        return tensor.logical_size
    return tensor.size if tensor.role == "weight" else 0


def _find_experts(layer: Layer, copies: int) -> Iterator[_Experts]:
    """Yield the experts of each layer in a tree."""
    copies *= layer.repeat
    is_first_gguf = layer.name in _FIRST_GGUF_EXPERTS and bool(layer.children)
    if is_first_gguf or (_EXPERTS.fullmatch(layer.name) and not _SHARED.match(layer.name)):
        yield from _read_experts(layer, copies)
        return
    for child in layer.children:
        yield from _find_experts(child, copies)


def _read_experts(layer: Layer, copies: int) -> Iterator[_Experts]:
    """Yield the experts in a layer: those that are layers by their index, and tensors of one for each along axis 0."""
    indexed = [child for child in layer.children if block_ranges.parse(child.name)]
    if indexed:
        runs = sorted(run for child in indexed for run in block_ranges.parse(child.name))
        is_whole = runs[0][0] == 0 and all(before[1] + 1 == after[0] for before, after in pairwise(runs))
        sums = [_sum_values(child) for child in indexed]
        sizes = {values // child.repeat for values, child in zip(sums, indexed, strict=True)}
        values = UNKNOWN_SIZE if UNKNOWN_SIZE in sums else sum(sums) * copies
        yield _Experts(sum(child.repeat for child in indexed), values, is_whole and len(sizes) == 1)
    if named := [child for child in layer.children if _EXPERT.fullmatch(child.name)]:
        sums = [_sum_values(child) for child in named]
        values = UNKNOWN_SIZE if UNKNOWN_SIZE in sums else sum(sums) * copies
        yield _Experts(len(named), values, len(set(sums)) == 1)
    for tensor in _list_fused(layer):
        if len(tensor.shape) > 1 and (values := _count_values(tensor)):
            yield _Experts(tensor.shape[0], UNKNOWN_SIZE if values == UNKNOWN_SIZE else values * copies)


def _list_fused(layer: Layer) -> Iterator[Tensor]:
    """Yield the tensors in a layer that are in no block."""
    yield from layer.tensors
    for child in layer.children:
        if not block_ranges.parse(child.name) and not _EXPERT.fullmatch(child.name):
            yield from _list_fused(child)


def _sum_values(layer: Layer) -> int:
    """Return the values of all weights in a layer, or UNKNOWN_SIZE."""
    parts = [*map(_count_values, layer.tensors), *map(_sum_values, layer.children)]
    return UNKNOWN_SIZE if UNKNOWN_SIZE in parts else layer.repeat * sum(parts)


def _count_inactive(experts: list[_Experts], visited: Visited) -> tuple[int | None, str]:
    """Return the values of the experts that one token skips; or None, and why they are not known."""
    if not experts:
        return None, _NO_NAMES
    if any(layer.values == UNKNOWN_SIZE for layer in experts):
        return None, _UNKNOWN
    if (used := visited()) is None:
        return None, _NO_ROUTER
    if not all(layer.equal and 0 < used <= layer.number and layer.values % layer.number == 0 for layer in experts):
        return None, _UNEQUAL
    return sum(layer.values // layer.number * (layer.number - used) for layer in experts), ""
