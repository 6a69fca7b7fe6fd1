"""Objects that stand in several places of an archive's document, as `shared_object_id` marks them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from paramcount.formats.source import decode, encode

_MEMBER = "shared_object_id"

_MAX_VALUE_DEPTH = 200
"""The most lists and objects inside each other in which layers are looked for; MAX_DEPTH layers make fewer."""


class _Occurrence(NamedTuple):
    """A layer of the document."""

    number: int  # in the order of the document
    item: dict[str, Any]
    container: int  # the number of the layer around it
    fingerprint: int  # equal for layers of equal class and config


class MarkedDocument(NamedTuple):
    """A document in JSON, and the names of its layers that share an object with a place that is not found."""

    raw: bytes
    orphans: tuple[str, ...]


def mark_first_occurrences(raw: bytes) -> MarkedDocument:
    """Return the document, every place of a shared object marked. Raises NotJSON.

    Keras marks the second occurrence of an object and, in hindsight, the first; but the first is copied before that
    if the layer around it does not hold the second too (the layers in two wrappers). Then only the others are marked.
    Source: keras.src.saving.serialization_lib.record_object_after_serialization.
    """
    if b'"shared_object_id"' not in raw:
        return MarkedDocument(raw, ())
    document = decode(raw)
    occurrences = _Occurrences()
    occurrences.visit(document, -1, 0)
    orphans = tuple(occurrences.mark_first())
    return MarkedDocument(encode(document) if occurrences.has_marked else raw, orphans)


class _Occurrences:
    """The layers of a document, in its order."""

    def __init__(self) -> None:
        self._ends: list[int] = []  # by a layer's number: the number of the first layer after those inside it
        self._marked: dict[Any, list[_Occurrence]] = {}
        self._unmarked: dict[int, _Occurrence] = {}  # the first of each fingerprint
        self.has_marked = False

    def visit(self, value: Any, container: int, depth: int) -> int:
        """Return a fingerprint of a value, and collect the layers in it."""
        if depth > _MAX_VALUE_DEPTH:
            return 0
        if isinstance(value, list):
            return hash(("list", *[self.visit(item, container, depth + 1) for item in value]))
        if not isinstance(value, dict):
            return hash(repr(value))
        config = value.get("config")
        if "class_name" not in value or not isinstance(config, dict) or "name" not in config:
            return self._visit_members(value, container, depth)
        number = len(self._ends)
        self._ends.append(number)
        fingerprint = hash((repr(value["class_name"]), self._visit_members(config, number, depth + 1)))
        self._ends[number] = len(self._ends)
        occurrence = _Occurrence(number, value, container, fingerprint)
        if _MEMBER in value:
            self._marked.setdefault(repr(value[_MEMBER]), []).append(occurrence)
        elif fingerprint not in self._unmarked or number < self._unmarked[fingerprint].number:
            self._unmarked[fingerprint] = occurrence
        return fingerprint

    def _visit_members(self, members: dict[str, Any], container: int, depth: int) -> int:
        pairs = [(name, self.visit(value, container, depth + 1)) for name, value in members.items() if name != _MEMBER]
        return hash(tuple(pairs))

    def mark_first(self) -> Iterator[str]:
        """Mark the first occurrence of each object of which only later ones are marked; yield layers without one."""
        for occurrences in self._marked.values():
            first, *others = sorted(occurrences)
            if others and (first.container < 0 or others[0].number < self._ends[first.container]):
                continue  # Keras marked the first in hindsight
            original = self._unmarked.get(first.fingerprint)
            if original is not None and original.number < first.number:
                original.item[_MEMBER] = first.item[_MEMBER]
                self.has_marked = True
            elif not others and "trainable" in first.item["config"]:  # a layer, no policy of dtypes
                yield str(first.item["config"]["name"])
