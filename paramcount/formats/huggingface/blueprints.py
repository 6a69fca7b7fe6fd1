"""The compiled blueprints: what each class of transformers builds from its config, read from the data when asked for.

A line of a class's `tensors` reads

    model.layers.{i}.mlp.experts.gate_up_proj [num_experts, 2*width, hidden_size] for num_hidden_layers where i >= 3

and may end in `tied to NAME` (an index in it that is no number stands in braces), `frozen`, or `buffer I64`. A rule
gives a derived field: `head_dim = a // b where ...`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

import orjson

from paramcount.formats.huggingface.expressions import INDICES, Expression, parse

HOLES = tuple(f"{{{name}}}" for name in INDICES)
"""What stands for the index of a block in the name of an entry; a word may stand before it: expert_{i}."""

TRUE = parse("True")
_LINE = re.compile(
    r"(?P<name>\S+) \[(?P<shape>.*?)\](?: for (?P<counts>.+?))?(?: where (?P<guard>.+?))?"
    r"(?: tied to (?P<tied>.+?))?(?P<frozen> frozen)?(?: buffer (?P<buffer>\w+))?"
)
_RULE = re.compile(r"(?P<name>\S+) = (?P<value>.+?)(?: for (?P<counts>.+?))?(?: where (?P<guard>.+))?")
_HOLE = re.compile(r"\{((?:[^{}]|\{[^{}]*\})+)\}")
_SEPARATOR = "; "


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """Tensors of one name, with {i}, {j} where the blocks' indices go: their shape, how many, and where they are."""

    name: str
    steps: tuple[str, ...]  # of its name
    shape: tuple[Expression, ...]
    counts: tuple[Expression, ...]
    guard: Expression
    tied: tuple[
        str | int | Expression, ...
    ]  # the name of the tensor that it is: text, own indices, what follows of them
    frozen: bool
    buffer: str  # its dtype; empty: a weight


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """A field that the config's class derives: one value, or a list of `count` values."""

    name: str
    value: Expression
    counts: tuple[Expression, ...]
    guard: Expression


@dataclass(frozen=True, slots=True, eq=False)
class Blueprint:
    """What one class builds."""

    name: str
    family: Family
    fields: Mapping[str, str]  # the fields that matter, each with the kinds of value that were verified
    given: tuple[Expression, ...]  # what is assumed of the config as given
    assumed: tuple[Expression, ...]  # what is assumed once derived fields are there
    rules: tuple[Rule, ...]
    entries: tuple[Entry, ...]
    fixed: bool  # every config that it takes makes the same model
    within: Mapping[str, Within]  # configs inside that may be of other model types


@dataclass(frozen=True, slots=True)
class Within:
    """What of a model is built as a config inside says."""

    at: str  # how its tensors' names begin
    takes: Mapping[str, str]  # the model types that were verified there, each with the class that is built


@dataclass(frozen=True, slots=True, eq=False)
class Family:
    """The config class of one model_type."""

    model_type: str
    defaults: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]  # configs inside: how defaults differ where one is given
    aliases: Mapping[str, str]
    auto: frozenset[str]  # configs inside whose class follows from their own model_type
    flat: str  # the config inside that takes its fields from the config around it, where it is not given
    records: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Index:
    """What is known: classes with their model types, base classes, and what could not be compiled, with the reason."""

    version: str
    classes: Mapping[str, list[str]]
    bases: Mapping[str, str]
    refused: Mapping[str, str]


_DATA = files("paramcount.formats.huggingface") / "data"


@lru_cache(maxsize=1)
def index() -> Index:
    found = orjson.loads((_DATA / "index.json").read_bytes())
    return Index(found["transformers"], found["classes"], found["bases"], found["refused"])


@lru_cache(maxsize=256)
def family(model_type: str) -> Family:
    """The family of a model type that the index names."""
    found = orjson.loads((_DATA / f"{model_type}.json").read_bytes())
    return family_of(model_type, found, found["classes"])


def family_of(model_type: str, found: Mapping[str, Any], records: Mapping[str, Mapping[str, Any]]) -> Family:
    """The family that its part of the data says."""
    auto, flat = frozenset(found.get("auto", found["parts"])), found.get("flat", "")
    return Family(model_type, found["defaults"], found["parts"], found["aliases"], auto, flat, records)


@lru_cache(maxsize=256)
def blueprint(model_type: str, name: str) -> Blueprint:
    """The blueprint of a class that the index names."""
    return read(family(model_type), name)


def read(found: Family, name: str) -> Blueprint:
    """The blueprint that a record is."""
    record = found.records[name]
    return Blueprint(
        name,
        found,
        record["fields"],
        tuple(map(parse, record["given"])),
        tuple(map(parse, record["assumed"])),
        tuple(map(_rule, record["rules"])),
        tuple(map(_entry, record["tensors"])),
        record.get("fixed", False),
        {path: Within(**found) for path, found in record.get("within", {}).items()},
    )


def hole(step: str) -> tuple[str, int] | None:
    """The word before the index in a step of a name, and of which axis that is: ("expert_", 1) of expert_{j}."""
    width = len(HOLES[0])
    return (step[:-width], HOLES.index(step[-width:])) if step.endswith(HOLES) else None


def _entry(line: str) -> Entry:
    match = _LINE.fullmatch(line)
    assert match is not None, line
    shape = match["shape"]
    return Entry(
        match["name"],
        tuple(match["name"].split(".")),
        tuple(map(parse, shape.split(_SEPARATOR))) if shape else (),
        _counts(match["counts"]),
        parse(match["guard"]) if match["guard"] else TRUE,
        tuple(_tied(match["tied"])) if match["tied"] else (),
        match["frozen"] is not None,
        match["buffer"] or "",
    )


def _tied(name: str) -> Iterator[str | int | Expression]:
    for place, part in enumerate(_HOLE.split(name)):
        if place % 2 == 0:
            yield part
        else:
            yield INDICES.index(part) if part in INDICES else parse(part)


def _rule(line: str) -> Rule:
    match = _RULE.fullmatch(line)
    assert match is not None, line
    guard = parse(match["guard"]) if match["guard"] else TRUE
    return Rule(match["name"], parse(match["value"]), _counts(match["counts"]), guard)


def _counts(text: str | None) -> tuple[Expression, ...]:
    return tuple(map(parse, text.split(_SEPARATOR))) if text else ()


def known() -> Iterator[tuple[str, str]]:
    """Every class, with a model type that it takes."""
    for name, model_types in index().classes.items():
        for model_type in model_types:
            yield model_type, name
