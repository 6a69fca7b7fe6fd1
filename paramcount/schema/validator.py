"""Compiled JSON Schema validators; each of their errors has a pointer, a detail and a code."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import jsonschema_rs

from paramcount.model.errors import MAX_PROBLEMS, ArchitectureError, InvalidDocument, did_you_mean, token

MAX_VALUES_WITH_ALL_PROBLEMS = 50_000
"""Of a payload with more values only the first problem is reported: each costs kilobytes, wherever it is."""

_TYPES = {"integer": "an integer", "array": "a list", "object": "an object", "boolean": "true or false",
          "string": "a string", "number": "a number", "null": "null"}  # fmt: skip
_BOUNDS = {
    "minimum": "must be at least {limit}",
    "maximum": "must be at most {limit}",
    "minItems": "must have at least {limit} items",
    "maxItems": "must have at most {limit} items",
    "minProperties": "must have at least {limit} members",
    "maxProperties": "must have at most {limit} members",
    "minLength": "must have at least {limit} characters",
    "maxLength": "must have at most {limit} characters",
    "uniqueItems": "must not have equal items",
    "pattern": "must match {pattern}",
    "const": "must be {expected_value}",
}


class Validator:
    """A JSON Schema, compiled at its first use. `problems` returns what it finds, and raises nothing.

    Numbers are as Draft 4 has them: 1.0 is no integer, as later drafts say, since a count made of it would be none.
    """

    def __init__(self, schema: Mapping[str, Any], error: type[ArchitectureError] = InvalidDocument) -> None:
        self.schema = schema
        self._error = error

    @cached_property
    def _compiled(self) -> Any:
        return jsonschema_rs.Draft4Validator(dict(self.schema))

    def problems(self, instance: Any, pointer: str = "") -> list[ArchitectureError]:
        """Return the first MAX_PROBLEMS violations of the schema in `instance`, which is at `pointer`."""
        try:
            if self._compiled.is_valid(instance):
                return []
            errors = list(islice(self._errors(instance), MAX_PROBLEMS))
        except ValueError:  # jsonschema-rs stops at 255 levels, be it sooner or later
            return [self._error("is nested too deeply", pointer, "too_large")]
        located = ((error, pointer + "".join(map(token, error.instance_path))) for error in errors)
        problems = (problem for error, error_pointer in located for problem in self._explain(error, error_pointer))
        return list(islice(problems, MAX_PROBLEMS))  # one error may be thousands of unknown members

    def _errors(self, instance: Any) -> Iterator[Any]:
        """Return the violations; of a large instance only one, since the library lists all before it yields any."""
        if _count_values(instance) <= MAX_VALUES_WITH_ALL_PROBLEMS:
            return iter(self._compiled.iter_errors(instance))
        try:
            self._compiled.validate(instance)
        except jsonschema_rs.ValidationError as error:
            return iter((error.with_traceback(None),))  # a traceback would keep the instance in memory
        return iter(())

    def _explain(self, error: Any, pointer: str) -> Iterator[ArchitectureError]:
        keyword, kind = error.kind.name, error.kind.as_dict()
        subschema = self._subschema(error.schema_path[:-1])
        if keyword in ("additionalProperties", "unevaluatedProperties"):
            for name in kind["unexpected"]:
                detail = f"is an unknown member{did_you_mean(name, subschema.get('properties', ()))}"
                yield self._error(detail, pointer + token(name), "unknown_member")
        elif keyword == "required":
            yield self._error("is required", pointer + token(kind["property"]), "required")
        else:
            yield self._error(_format_detail(keyword, kind, subschema, error), pointer, keyword)

    def _subschema(self, path: Sequence[str | int]) -> Any:
        """Return the part of the schema at `path`, references followed."""
        subschema: Any = self.schema
        for step in path:
            if step == "$ref":
                reference = subschema["$ref"].removeprefix("#/").split("/")
                subschema = self._subschema(reference)
            else:
                subschema = subschema[step]
        return subschema


def _format_detail(keyword: str, kind: Mapping[str, Any], subschema: Mapping[str, Any], error: Any) -> str:
    value = format_value(error.instance)
    if keyword == "type":
        return f"must be {' or '.join(_TYPES[name] for name in kind['types'])}, not {value}"
    if keyword in ("anyOf", "oneOf") and "description" in subschema:
        return f"must be {subschema['description']}, not {value}"
    if keyword == "enum":
        return f"must be one of {', '.join(map(format_value, kind['options']))}, not {value}"
    if keyword in _BOUNDS:
        return _BOUNDS[keyword].format(**kind)
    return str(error.message)[:200]


def _count_values(instance: Any) -> int:
    """Return the number of values in lists and objects; it stops soon above MAX_VALUES_WITH_ALL_PROBLEMS."""
    count, pending = 0, [instance]
    while pending and count <= MAX_VALUES_WITH_ALL_PROBLEMS:
        value = pending.pop()
        if isinstance(value, dict | list):
            count += len(value)
            pending.extend(value.values() if isinstance(value, dict) else value)
    return count


def format_value(value: Any) -> str:
    """Return a value as a short text for a message, at most 60 characters."""
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple) and len(value) > 8:
        return f"a list of {len(value)}"
    text = (
        "null"
        if value is None
        else str(value).lower()
        if isinstance(value, bool)
        else repr(value)
        if not isinstance(value, str)
        else f'"{value}"'
    )
    return text if len(text) <= 60 else f"{text[:57]}..."
