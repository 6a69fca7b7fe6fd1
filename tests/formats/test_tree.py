"""The tree of named tensors: every tensor is in it once, no path twice, equal blocks are folded."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paramcount.counting.count import Options, count
from paramcount.counting.freezing import Rule
from paramcount.formats.named_tensors.tree import MAX_LEVELS, build_tree
from paramcount.model import block_ranges
from paramcount.model.document import Document
from paramcount.model.layers import Layer
from paramcount.model.tensors import Tensor


def tensors(*names: str) -> dict[str, Tensor]:
    return {name: Tensor("", (2, 3), dtype="F32") for name in names}


def rows(layer: Layer, prefix: str = "") -> Iterator[tuple[str, int, list[str]]]:
    """Each layer by its path, with its repeat and the names of its tensors."""
    for child in layer.children:
        path = prefix + child.name
        yield path, child.repeat, [tensor.name for tensor in child.tensors]
        yield from rows(child, f"{path}.")


def paths(layer: Layer, prefix: str = "") -> Iterator[str]:
    """Each tensor's full name, repeats written out."""
    yield from (prefix + tensor.name for tensor in layer.tensors)
    for child in layer.children:
        for name in block_ranges.expand(child.name, 10**6) if child.repeat > 1 else [child.name]:
            yield from paths(child, f"{prefix}{name}.")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["w"], []),
        (["a.w", "a.b"], [("a", 1, ["w", "b"])]),
        (["h.0.w", "h.1.w", "h.2.w"], [("h", 1, []), ("h.0-2", 3, ["w"])]),
        (["h.0.w", "h.2.w", "h.10.w"], [("h", 1, []), ("h.0,2,10", 3, ["w"])]),
        (["h.1.w", "h.1.b", "h.0.b", "h.0.w"], [("h", 1, []), ("h.0-1", 2, ["w", "b"])]),
        (["h.0.w", "h.1.w", "h.1.b"], [("h", 1, []), ("h.0", 1, ["w"]), ("h.1", 1, ["w", "b"])]),
        (
            ["h.0.e.0.w", "h.0.e.1.w", "h.1.e.0.w", "h.1.e.1.w"],
            [("h", 1, []), ("h.0-1", 2, []), ("h.0-1.e", 1, []), ("h.0-1.e.0-1", 2, ["w"])],
        ),
        (
            ["0.e.0.w", "0.w", "1.e.0.w"],
            [("0", 1, ["w"]), ("0.e", 1, []), ("0.e.0", 1, ["w"]), ("1", 1, []), ("1.e", 1, []), ("1.e.0", 1, ["w"])],
        ),
        # No index is written so.
        (["h.00.w", "h.01.w"], [("h", 1, []), ("h.00", 1, ["w"]), ("h.01", 1, ["w"])]),
        (["h.٣.w", "h.²3.w"], [("h", 1, []), ("h.٣", 1, ["w"]), ("h.²3", 1, ["w"])]),
        (["h.x.w", "h.y.w"], [("h", 1, []), ("h.x", 1, ["w"]), ("h.y", 1, ["w"])]),
        # The common name is taken.
        (
            ["h.0.w", "h.1.w", "h.0-1.w"],
            [("h", 1, []), ("h.0", 1, ["w"]), ("h.1", 1, ["w"]), ("h.0-1", 1, ["w"])],
        ),
        # A tensor that is a prefix of others, and names with nothing in them.
        (["a", "a.b"], [("a", 1, ["b"])]),
        (["", "w", ".w", "a..w", "a.", "a.b.", ".."], [("a", 1, [".w", ""]), ("a.b", 1, [""])]),
    ],
)
def test_layers(names: list[str], expected: list[tuple[str, int, list[str]]]) -> None:
    root = build_tree(tensors(*names))
    assert list(rows(root)) == expected
    assert sorted(paths(root)) == sorted(names)
    assert count(Document(root, "stored")).root.totals.trainable == 6 * len(names)


@pytest.mark.parametrize(
    "other",
    [
        Tensor("", (3, 2), dtype="F32"),
        Tensor("", (2, 3), dtype="F16"),
        Tensor("", (2, 3), "buffer", "F32"),
        Tensor("", (2, 3), dtype="F32", trainable=False),
        Tensor("", (2, 3), dtype="F32", tied_to="h.0.w"),
    ],
)
def test_blocks_that_differ_are_not_folded(other: Tensor) -> None:
    root = build_tree({**tensors("h.0.w"), "h.1.w": other})
    assert [row[:2] for row in rows(root)] == [("h", 1), ("h.0", 1), ("h.1", 1)]


def test_deep_names_end_in_one_piece() -> None:
    names = [".".join("a" * 10_000), ".".join("a" * 10_001), ".".join("a" * MAX_LEVELS)]
    root = build_tree(tensors(*names))
    assert sorted(paths(root)) == sorted(names)
    assert count(Document(root, "stored")).root.totals.trainable == 18


def test_rules_reach_into_folded_blocks() -> None:
    root = build_tree(tensors("h.0.w", "h.1.w", "h.2.w", "h.2.b"))
    report = count(Document(root, "stored"), Options(rules=(Rule("h.1", trainable=False),)))
    assert (report.root.totals.trainable, report.root.totals.frozen) == (18, 6)


_DOTTED = st.lists(st.sampled_from(("h", "w", "0", "1", "2", "0-1", "")), min_size=1, max_size=5).map(".".join)
_NAMES = st.text(st.sampled_from("ab01.-,é"), max_size=12) | _DOTTED


@given(st.lists(_NAMES, unique=True, max_size=40))
def test_nothing_is_lost(names: list[str]) -> None:
    root = build_tree(tensors(*names))
    layers = [path for path, _, _ in rows(root)]
    assert len(layers) == len(set(layers))
    assert sorted(paths(root)) == sorted(names)
    assert count(Document(root, "stored")).root.totals.trainable == 6 * len(names)
