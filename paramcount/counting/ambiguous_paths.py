"""Paths that two layers or two tensors have, since a name may hold dots: a rule or a share could mean either."""

from __future__ import annotations

from collections.abc import Iterator

from paramcount.model.budget import PathBudget
from paramcount.model.errors import InvalidGraph
from paramcount.model.layers import Layer
from paramcount.model.report import Row


def find_ambiguous_paths(document: Layer, root: Row, budget: PathBudget) -> Iterator[InvalidGraph]:
    """Yield a problem for each layer whose path, or that of a tensor of it, another one has; `root` is its row.

    Raises TooLarge.
    """
    pointers: dict[str, str] = {}  # by path
    for path, layer in _walk(document):
        if path in pointers:
            yield _describe(f'the path "{path[:100]}" is that of another layer, too', layer.pointer)
        pointers.setdefault(path, layer.pointer)
    paths: set[str] = set()
    for row, _ in root.walk():
        budget.charge(row.path, len(row.tensors))
        for tensor in row.tensors:
            path = f"{row.path}.{tensor.name}" if row.path else tensor.name
            if path in paths:
                yield _describe(f'the path "{path[:100]}" is that of another tensor, too', pointers.get(row.path, ""))
            paths.add(path)


def _walk(root: Layer) -> Iterator[tuple[str, Layer]]:
    """Yield the layers below `root` with their paths, in order."""
    pending = [(child.name, child) for child in reversed(root.children)]
    while pending:
        path, layer = pending.pop()
        yield path, layer
        pending += [(f"{path}.{child.name}", child) for child in reversed(layer.children)]


def _describe(detail: str, pointer: str) -> InvalidGraph:
    return InvalidGraph(detail, pointer, "duplicate_name")
