"""Blocks of equal tensors are cached: a key stands for one type, its tensors and its children, whatever the class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from paramcount.formats.diffusers.components import BUILDERS
from paramcount.model.errors import InvalidDocument
from paramcount.model.layers import Layer

REQUIRED: dict[str, Any] = {"norm_type": "ada_norm", "num_embeds_ada_norm": 10, "in_channels": 4, "sample_size": 8}


def _walk(layer: Layer) -> Iterator[Layer]:
    yield layer
    for child in layer.children:
        yield from _walk(child)


def _build(name: str) -> list[Layer]:
    models = []
    for config in ({}, REQUIRED):
        try:
            models.append(BUILDERS[name](config))
        except InvalidDocument:
            continue
    return models


def test_layers_of_one_key_are_equal() -> None:
    known: dict[bytes, tuple[str, Any, Any]] = {}
    built = {name: _build(name) for name in BUILDERS}
    assert sum(map(bool, built.values())) > 80
    for models in built.values():
        for layer in (layer for model in models for layer in _walk(model) if layer.cache_key):
            content = layer.type, layer.tensors, layer.children
            assert known.setdefault(layer.cache_key, content) == content
    assert len(known) > 500
