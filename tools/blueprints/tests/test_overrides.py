"""The overrides: what ships is what was learned and they say, and no function of the language is there for nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from paramcount.formats.huggingface.functions import FUNCTIONS
from tools.blueprints.clauses import activation, equal_to, only_words
from tools.blueprints.files import index_classes, index_limits, read_families, read_index, to_text
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.overrides.changes import (
    Append,
    AssumeInSlot,
    Change,
    Guard,
    Override,
    Remove,
    Replace,
    Rewrite,
    SetFields,
    SetSlots,
    StaleOverride,
    Wrap,
    Write,
    apply,
)
from tools.blueprints.terms import BINARY, INFIX, UNARY, Term, text, value

DATA = Path(str(files("paramcount.formats.huggingface") / "data"))
SHIPPED = read_families(DATA)
LEARNED_FAMILIES = read_families(LEARNED)

ENV: dict[str, Any] = {"n": 4, "f": 0.5, "word": "a-b", "numbers": [4, 6], "words": ["a", "b"]}
NUMBER, RATE, WORD = ("f", "n"), ("f", "f"), ("f", "word")
OPERANDS: Mapping[str, tuple[Term, ...]] = {
    "lower": (WORD,), "has": (WORD, ("c", "a")), "sw": (WORD, ("c", "a")), "float": (RATE,), "round": (RATE,),
    "ceil": (RATE,), "floor": (RATE,),
}  # fmt: skip
"""The arguments of operators that do not take integers."""
OTHER_TERMS: tuple[Term, ...] = (
    ("len", "numbers"),
    ("suml", "numbers"),
    ("isl", "numbers"),
    ("maxl", NUMBER, ("len", "numbers")),
    ("spl", WORD, "-", 0),
    ("nspl", WORD, "-"),
    ("count", "words", "a"),
    ("nth", "words", "a", ("c", 0)),
)


def _functions_in(clauses: Iterable[str]) -> set[str]:
    """The functions of the language that clauses call."""
    return {name for clause in clauses for name in re.findall(r"(\w+)\(", clause)} & FUNCTIONS.keys()


def _clauses(families: Mapping[str, Any]) -> Iterator[str]:
    for family in families.values():
        for record in family["classes"].values():
            for section in ("given", "assumed", "rules", "tensors"):
                yield from record[section]


def _list_emitted() -> set[str]:
    """The functions that the compiler can write: of terms that it knows the value of, and of what it assumes."""
    unary: list[Term] = [(tag, *OPERANDS.get(tag, (NUMBER,))) for tag in UNARY]
    binary: list[Term] = [(tag, *OPERANDS.get(tag, (NUMBER, NUMBER))) for tag in BINARY if tag not in INFIX]
    terms = [*unary, *binary, *OTHER_TERMS]
    for term in terms:
        value(term, ENV)  # raises Unknown of a tag that is none
    assumed = [equal_to("layers", [{}]), equal_to("rate", float("inf")), only_words("words", ["a"]), activation("act")]
    return _functions_in([*map(text, terms), *assumed])


def _list_overriding() -> set[str]:
    """The functions that stand in what overrides put in place of what was learned."""
    learned = set(_clauses(LEARNED_FAMILIES))
    return _functions_in(set(_clauses({kind: SHIPPED[kind] for kind in OVERRIDES})) - learned)


def test_every_function_is_emitted_or_used_by_an_override() -> None:
    assert _list_overriding() - _list_emitted() == {
        "own",
        "overridden",
        "times",
        "letter",
        "earlier",
        "spread",
        "prod",
        "make_divisible",
    }
    assert FUNCTIONS.keys() == _list_emitted() | _list_overriding()


def test_what_was_learned_calls_emitted_functions_only() -> None:
    learned = SHIPPED | LEARNED_FAMILIES
    assert _functions_in(_clauses(learned)) <= _list_emitted()


@pytest.mark.parametrize("model_type", sorted(OVERRIDES))
def test_what_ships_is_what_was_learned_and_its_override(model_type: str) -> None:
    made = to_text(apply(OVERRIDES[model_type], LEARNED_FAMILIES[model_type]))
    assert made == (DATA / f"{model_type}.json").read_text()
    assert made != (LEARNED / f"{model_type}.json").read_text()


def test_what_was_learned_is_kept_of_every_override_and_of_no_other() -> None:
    assert LEARNED_FAMILIES.keys() == OVERRIDES.keys()


def test_an_override_is_explained_and_proven() -> None:
    for override in OVERRIDES.values():
        assert override.reason
        assert override.proofs
        assert override.refused
        assert json.loads(json.dumps([*override.proofs, *override.refused]))


def test_the_index_names_what_ships() -> None:
    index = read_index(DATA)
    assert (index["classes"], index["limits"]) == (index_classes(SHIPPED), index_limits(SHIPPED))


FAMILY: dict[str, Any] = {
    "defaults": {"width": 8},
    "parts": {},
    "aliases": {},
    "classes": {
        "Base": {
            "fields": {"width": "i"},
            "given": ["width == 8", "depth == 2"],
            "assumed": [],
            "rules": [],
            "tensors": ["w.{i} [width] for 2", "b.{i} [width] for 2", "head [width]"],
        },
        "Headed": {"fields": {}, "given": ["width == 8"], "assumed": [], "rules": [], "tensors": [], "fixed": True},
    },
}


def _apply(change: Change, name: str = "Base") -> dict[str, Any]:
    override = Override("because", {name: (change,)}, ({},), ({},), {"depth": None})
    family = apply(override, FAMILY)
    assert family["defaults"] == {"width": 8, "depth": None}
    record: dict[str, Any] = family["classes"][name]
    return record


@pytest.mark.parametrize(
    ("change", "section", "clauses"),
    [
        (Replace("tensors", r"[wb]\..*", ("w.{i} [2]",)), "tensors", ["w.{i} [2]", "head [width]"]),
        (Replace("tensors", r"[wb]\..*"), "tensors", ["head [width]"]),
        (Replace("tensors", "head .*", ("a [1]", "c [1]")), "tensors",
         ["w.{i} [width] for 2", "b.{i} [width] for 2", "a [1]", "c [1]"]),
        (Remove("given", frozenset(["depth == 2", "height == 3"])), "given", ["width == 8"]),
        (Append("rules", ("width = 2",)), "rules", ["width = 2"]),
        (Rewrite("tensors", " for 2", " for depth"), "tensors",
         ["w.{i} [width] for depth", "b.{i} [width] for depth", "head [width]"]),
        (SetFields({"depth": "in", "width": None}), "fields", {"depth": "in"}),
        (Guard("[wh].*", "depth"), "tensors",
         ["w.{i} [width] for 2 where depth", "b.{i} [width] for 2", "head [width] where depth"]),
        (SetSlots({"inner": {"at": "inner."}}), "within", {"inner": {"at": "inner."}}),
    ],
)  # fmt: skip
def test_a_change_changes_its_section_only(change: Change, section: str, clauses: Any) -> None:
    record = _apply(change)
    assert record == FAMILY["classes"]["Base"] | {section: clauses}


@pytest.mark.parametrize(
    "change",
    [
        Replace("tensors", "wb"),
        Remove("given", frozenset(["height == 3"])),
        Append("given", ("width == 8",)),
        Rewrite("tensors", " for 3", " for depth"),
        SetFields({"width": "i"}),
        SetFields({"depth": None}),
        Guard("other.*", "depth"),
        Wrap("Other", "model."),
    ],
)
def test_a_change_of_nothing_is_stale(change: Change) -> None:
    with pytest.raises(StaleOverride, match="Base: "):
        _apply(change)


def test_a_guard_joins_the_one_that_is_there_and_leaves_what_follows() -> None:
    clauses = ["a [1] where b or c tied to d", "b [1] buffer F32", "c [1] for 2 where b frozen"]
    family = {**FAMILY, "classes": {"Base": {**FAMILY["classes"]["Base"], "tensors": clauses}}}
    override = Override("because", {"Base": (Guard(".*", "depth"),)}, ({},), ({},))
    assert apply(override, family)["classes"]["Base"]["tensors"] == [
        "a [1] where depth and (b or c) tied to d",
        "b [1] where depth buffer F32",
        "c [1] for 2 where depth and (b) frozen",
    ]


def test_an_override_states_where_fields_stand_and_which_are_not_read() -> None:
    override = Override("because", {}, ({},), ({},), unread=("width",), flat="inner.text")
    family = apply(override, FAMILY)
    assert (family["defaults"], family["flat"], family["classes"]) == ({}, "inner.text", FAMILY["classes"])
    with pytest.raises(StaleOverride, match="height"):
        apply(Override("because", {}, ({},), ({},), unread=("height",)), FAMILY)


def test_a_condition_of_a_slot_is_that_of_some_model_types_only() -> None:
    slot = {"at": "a.", "takes": {"one": "One", "two": "Two"}, "assumes": {"one": ["size == 1"]}}
    family = {**FAMILY, "classes": {"Base": {**FAMILY["classes"]["Base"], "within": {"inner": slot}}}}
    override = Override("because", {"Base": (AssumeInSlot("inner", ("one",), "depth == 4"),)}, ({},), ({},))
    changed = apply(override, family)["classes"]["Base"]["within"]
    assert changed == {"inner": slot | {"assumes": {"one": ["size == 1", "depth == 4"]}}}
    with pytest.raises(StaleOverride, match="no slot"):
        _apply(AssumeInSlot("inner", ("one",), "depth == 4"))


def test_a_wrapping_class_takes_the_record_of_the_class_within() -> None:
    base = FAMILY["classes"]["Base"]
    assert _apply(Wrap("Base", "m."), "Headed") == base | {"tensors": [f"m.{clause}" for clause in base["tensors"]]}


def test_a_record_is_written_where_only_the_defaults_were_learned() -> None:
    record: dict[str, Any] = {"fields": {}, "given": [], "assumed": [], "rules": [], "tensors": ["w [width]"]}
    fixed = {**FAMILY["classes"]["Base"], "fixed": True}
    override = Override("because", {"Base": (Write(record),)}, ({},), ({},))
    assert apply(override, {**FAMILY, "classes": {"Base": fixed}})["classes"]["Base"] == record
    with pytest.raises(StaleOverride, match="more than its defaults"):
        _apply(Write(record))


def test_an_override_of_a_class_that_was_not_learned_is_stale() -> None:
    with pytest.raises(StaleOverride, match="Gone"):
        _apply(Append("rules", ("width = 2",)), "Gone")


@pytest.mark.parametrize(
    ("record", "limit"),
    [
        ({"given": ["not width % heads != 0"]}, None),
        ({"given": ["width == 8"]}, "pinned"),
        ({"given": ["'stage4' in out_features"]}, "pinned"),
        ({"given": ["backbone_config is None or digest(backbone_config) == 'ab'"]}, "pinned"),
        (
            {
                "given": ["backbone_config is None or digest(backbone_config) == 'ab'"],
                "within": {"backbone_config": {}},
            },
            None,
        ),
        ({"given": [], "fixed": True}, "defaults"),
    ],
)
def test_a_class_is_limited_by_what_must_have_one_value(record: dict[str, Any], limit: str | None) -> None:
    assert index_limits({"some": {"classes": {"SomeModel": record}}}).get("SomeModel") == limit
