"""Globs: fnmatch's, and components that are lists of indices."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from paramcount.counting.globs import GlobSet, GlobStates
from paramcount.model.errors import TooLarge


def matches(glob: str, path: str) -> bool:
    return GlobSet([glob]).match(path) == [0]


@given(st.text("ab.*?[]!-0", max_size=9), st.text("ab.0-]!", max_size=9))
def test_without_indices_it_is_fnmatch(glob: str, path: str) -> None:
    assume(not re.search(r"(^|\.)0-0(\.|$)", glob))
    assert matches(glob, path) == fnmatchcase(path, glob)


@given(st.integers(0, 10**18 - 1), st.integers(0, 2000), st.integers(-3, 2003))
def test_a_range_names_each_of_its_indices(first: int, length: int, step: int) -> None:
    index = first + step
    assume(index >= 0 and first + length < 10**18)
    is_match = matches(f"h.{first}-{first + length}.*", f"h.{index}.attn")
    assert is_match == (first <= index <= first + length)


@pytest.mark.parametrize(
    ("glob", "path", "expected"),
    [
        ("model.layers.0-9.*", "model.layers.0.mlp", True),
        ("model.layers.0-9.*", "model.layers.10.mlp", False),
        ("model.layers.0-9.*", "model.layers.1", False),
        ("model.layers.0-9", "model.layers.9", True),
        ("*.0-2,5,30-31.*", "encoder.12.block.5.conv", True),
        ("*.0-2,5,30-31.*", "encoder.12.block.4.conv", False),
        ("0-3", "2", True),
        ("0-3", "02", False),
        ("0,3", "3", True),
        ("0,3", "1", False),
        ("12", "12", True),
        ("12", "1", False),
        ("0-3.*", "0-3.x", True),  # a folded block keeps its name
        ("5-2", "3", False),  # no range: a name
        ("5-2", "5-2", True),
        ("h0-3", "h2", False),  # a name, not a component of indices
        ("*0-3", "2", False),
        ("[0-3]", "2", True),  # fnmatch's class of one character
        ("a*b?c", "a.x.b\nc", True),
    ],
)
def test_a_glob(glob: str, path: str, expected: bool) -> None:
    assert matches(glob, path) is expected


@pytest.mark.parametrize("glob", ["*a" * 500, "*.0-9" * 150, "?*" * 500, "[", "[!", "*[]*", "0-" + "9" * 18])
def test_no_glob_backtracks(glob: str) -> None:
    # One that did would not come back at all.
    for path in ("a" * 10_000 + "b", "a.1." * 2_500, ""):
        assert matches(glob, path) is (glob[:2] == "?*" and path != "")


def test_globs_are_matched_together() -> None:
    globs = GlobSet(["a.*", "b", "*", "*.c", "[z-a]", "[[:alpha:]]"])
    assert globs.match("a.b.c") == [0, 2, 3]
    assert globs.match("b") == [1, 2]
    assert globs.match(":]") == [2, 5]
    assert globs.match("\udc80") == [2]


def test_too_many_globs() -> None:
    with pytest.raises(TooLarge):
        GlobSet(["x" * 101] * 1000)
    with pytest.raises(TooLarge):
        GlobSet(["x" * 100] * 1000).match("x" * 501)


GLOBS = st.text("ab.1*?[]!-0", max_size=9) | st.sampled_from(["*.0-9,12.*", "0-9", "*1*", "a.[!1].*", "5-2", "0-9,12"])


@given(st.lists(GLOBS, max_size=3), st.sampled_from(["", "a.", "a.0-9,12."]), st.text("ab.1", max_size=4))
def test_one_state_has_one_future(globs: list[str], parent: str, rest: str) -> None:
    states, glob_set = GlobStates(globs), GlobSet(globs)
    start = states.advance(states.start, parent)
    matches_of: dict[int, list[int]] = {}
    for name in ("a", "0-9,12", *map(str, range(14))):
        ending = f".{rest}" if rest else ""
        matches = glob_set.match(f"{parent}{name}{ending}")
        assert matches_of.setdefault(states.advance(start, name), matches) == matches


@pytest.mark.parametrize(
    ("globs", "groups"),
    [([], 1), (["*"], 1), (["h.*.x"], 1), (["h.1.*"], 2), (["h.2-4.*"], 2), (["h.1*"], 2), (["g.*"], 1)],
)
def test_the_copies_of_a_block_in_groups(globs: list[str], groups: int) -> None:
    states = GlobStates(globs)
    start = states.advance(states.start, "h.")
    assert len({states.advance(start, str(index)) for index in range(1000)}) == groups
