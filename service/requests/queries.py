"""Query strings: the options that an operation declares; all others are refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from copy import copy
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import parse_qsl

from marshmallow import Schema, fields, missing

from paramcount.counting.freezing import Rule
from paramcount.counting.globs import GlobSet
from paramcount.model.cache import cache_by_text
from paramcount.model.errors import InvalidDocument, Problems, TooLarge, raise_problems, token
from paramcount.requests.envelope import CountRequest, load_options
from paramcount.requests.schemas import CountOptions, Envelope
from paramcount.schema.components import json_schema
from paramcount.schema.validator import Validator, format_value


def _globs(verb: str) -> fields.List[str]:
    description = f"Glob of layers or tensors that {verb}. May be repeated; the last glob that matches decides."
    return fields.List(fields.String(), metadata={"description": description})


def _binary(description: str) -> fields.Raw:
    return fields.Raw(metadata={"type": "string", "format": "binary", "description": description})


class DocumentQuery(CountOptions):
    """Options of counting a document of a known format."""

    freeze = _globs("do not train")
    train = _globs("train")


class CountQuery(DocumentQuery):
    """Options of counting what the body holds, whatever it is."""

    format = fields.String(metadata=Envelope._declared_fields["format"].metadata)  # noqa: SLF001


def _drop_defaults(schema: type[Schema]) -> None:
    """Take the defaults out of options that an envelope may state, too: clients would send them against it."""
    declared: dict[str, fields.Field[Any]] = schema._declared_fields  # noqa: SLF001
    for name, field in declared.items():
        declared[name] = copy(field)
        declared[name].load_default = missing


_drop_defaults(CountQuery)


class CountForm(CountQuery):
    """Files, with options as fields: one file is counted as what it is, several are a repository.

    A file's name is its path. A part may have a `Content-Range: bytes first-last/size`; parts of one name are ranges of
    one file.
    """

    file = _binary("A file; in place of it a part of any name that states a file name is taken.")
    files = fields.List(_binary(""), metadata={"description": "Several files, each a part of this name."})
    architecture = fields.String(metadata={"description": "A document in place of files: JSON, or a text."})
    adapter = fields.String(metadata={"description": "PEFT's adapter_config.json, as JSON."})
    base = fields.String(metadata={"description": "The config of the model that an adapter's files are for, as JSON."})
    trainable = fields.String(metadata={"description": "Rules, as JSON."})


class Query:
    """A valid query string, or the options of a form."""

    def __init__(self, members: dict[str, Any], rules: tuple[Rule, ...]) -> None:
        """`members` are an envelope's by name; `rules` are those of freeze and train, in order of appearance."""
        self.members, self.rules = members, rules

    def join(self, form: Query) -> Query:
        """Return these options with those of a form. Raises Problems where they differ."""
        raise_problems(
            InvalidDocument(f"is {format_value(value)} in the query", token(name), "contradiction")
            for name, value in self.members.items()
            if form.members.get(name, value) != value
        )
        return Query({**self.members, **form.members}, (*self.rules, *form.rules))

    @cached_property
    def options(self) -> CountRequest:
        """The request to count a document with these options. Raises Problems."""
        return load_options(self.members, self.rules)


@cache_by_text(256)
def parse_query(query: str, schema: type[Schema]) -> Query:
    """Parse a query string that `schema` declares. Raises Problems."""
    return parse_options(parse_qsl(query, keep_blank_values=True, errors="replace"), schema)


def parse_options(pairs: Iterable[tuple[str, str]], schema: type[Schema]) -> Query:
    """Parse names and texts, of a query string or a form, that `schema` declares. Raises Problems."""
    declared, validator = _compile(schema)
    members: dict[str, Any] = {}
    rules, problems = [], []
    for name, text in pairs:
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


def name_filter(query: Query, option: str) -> Callable[[str], bool]:
    """Return whether a name matches the glob in an option, in any case; without one every name does.

    Raises Problems.
    """
    glob = query.members.get(option)
    if glob is None:
        return lambda _: True
    try:
        globs = GlobSet([glob.lower()])
    except TooLarge as error:
        error.pointer = token(option)
        raise Problems([error]) from None
    return lambda name: bool(globs.match(name.lower()))
