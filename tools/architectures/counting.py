"""The models of tables, as they are counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from paramcount.formats.architectures.models import build_document, find, read_defaults
from paramcount.model.layers import Layer


def count_architecture(library: str, name: str, arguments: Mapping[str, Any]) -> Layer:
    """The model that is counted. Raises Problems."""
    entry = find(library, name, "")
    stated = {**read_defaults(entry.defaults), **arguments}
    pointers = {argument: f"/{argument}" for argument in stated}
    return build_document(library, name, entry, stated, pointers).root
