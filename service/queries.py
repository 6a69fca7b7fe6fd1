"""Query strings: the options that an operation declares; all others are refused."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from marshmallow import Schema, fields

from paramcount.counting.freezing import Rule
from paramcount.model.cache import cache_by_text
from paramcount.model.errors import InvalidDocument, raise_problems, token
from paramcount.requests.envelope import CountRequest, load_options
from paramcount.requests.schemas import CountOptions, Envelope
from paramcount.schema.components import json_schema
from paramcount.schema.validator import Validator


def _globs(verb: str) -> fields.List[str]:
    description = f"Glob of layers or tensors that {verb}. May be repeated; the last glob that matches decides."
    return fields.List(fields.String(), metadata={"description": description})


class DocumentQuery(CountOptions):
    """Options of counting a document of a known format."""

    freeze = _globs("do not train")
    train = _globs("train")


class CountQuery(DocumentQuery):
    """Options of counting what the body holds, whatever it is."""

    format = fields.String(metadata=Envelope._declared_fields["format"].metadata)  # noqa: SLF001


class Query:
    """A valid query string."""

    def __init__(self, members: dict[str, Any], rules: tuple[Rule, ...]) -> None:
        """`members` are an envelope's by name; `rules` are those of freeze and train, in order of appearance."""
        self.members, self.rules = members, rules

    @cached_property
    def options(self) -> CountRequest:
        """The request to count a document with these options. Raises Problems."""
        return load_options(self.members, self.rules)


@cache_by_text(256)
def parse_query(query: str, schema: type[Schema]) -> Query:
    """Parse a query string that `schema` declares. Raises Problems."""
    declared, validator = _compile(schema)
    members: dict[str, Any] = {}
    rules, problems = [], []
    for name, text in parse_qsl(query, keep_blank_values=True, errors="replace"):
        field = declared.get(name)
        if isinstance(field, fields.List):
            members.setdefault(name, []).append(text)
            rules.append(Rule(text, name == "train"))
        elif name in members:
            problems.append(InvalidDocument("is given twice", token(name), "duplicate_name"))
        else:
            members[name] = _parse_value(field, text)
    raise_problems((*problems, *validator.problems(members)))
    return Query({name: members[name] for name in members.keys() - {"freeze", "train"}}, tuple(rules))


@lru_cache
def _compile(schema: type[Schema]) -> tuple[dict[str, fields.Field[Any]], Validator]:
    return schema().fields, Validator(json_schema(schema.__name__, schema))


def _parse_value(field: fields.Field[Any] | None, text: str) -> Any:
    """Return an integer or a boolean where the field is one; text that is neither stays text, to be refused."""
    if isinstance(field, fields.Integer) and re.fullmatch("[0-9]{1,20}", text):
        return int(text)
    return {"true": True, "false": False}.get(text, text) if isinstance(field, fields.Boolean) else text
