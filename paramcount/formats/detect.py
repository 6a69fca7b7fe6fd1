"""From a payload to a Document: find its format, check it against that format's schema, read it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, UnknownFormat, did_you_mean
from paramcount.schema.components import json_schema
from paramcount.schema.registry import FORMATS, Format
from paramcount.schema.validator import Validator, shown

if TYPE_CHECKING:
    from paramcount.model.document import Document


def detect(payload: Any, name: str | None = None) -> Format:
    """The format called `name`, or the only one that claims `payload`. Raises UnknownFormat."""
    if name is not None:
        if name not in FORMATS:
            raise UnknownFormat(f'"{name[:100]}" is no known format{did_you_mean(name, FORMATS)}')
        return FORMATS[name]
    claimants = [found for found in FORMATS.values() if found.claims(payload)]
    if len(claimants) == 1:
        return claimants[0]
    names = ", ".join(found.name for found in claimants or FORMATS.values())
    reason = "could be any of" if claimants else "is in no format that is recognised by itself; known are"
    raise UnknownFormat(f'{reason} {names}: state its "format"')


def check(payload: Any, found: Format) -> None:
    """Hold a payload against its format's schema. Raises Problems with everything that breaks it."""
    try:
        _check_kind(payload, found)
    except InvalidDocument as error:
        raise Problems([error]) from None
    if found.schema is not None and not isinstance(payload, bytes):
        problems = _validator(found.name).problems(payload)
        if problems:
            raise Problems(problems)


def read(payload: Any, found: Format) -> Document:
    """The document that a payload is. Raises Problems with everything that is wrong with it."""
    check(payload, found)
    return understand(payload, found)


def understand(payload: Any, found: Format, remote_code: str = "refuse") -> Document:
    """The document that a checked payload is. Raises Problems with what no schema could see."""
    try:
        document = (found.base if found.base and remote_code == "base" else found.read)(payload)
        return document._replace(format=found.name)
    except ArchitectureError as error:
        raise Problems([error]) from None
    except RecursionError:
        raise Problems([TooLarge("is nested too deeply")]) from None


def _check_kind(payload: Any, found: Format) -> None:
    """Refuse what no reader of that format could be meant for."""
    text = found.media.startswith("text/")
    if isinstance(payload, str) != text and (text or found.schema is None):
        raise InvalidDocument(f"must be {'text' if text else 'an object'} to be {found.name}, not {shown(payload)}")
    if isinstance(payload, bytes) and found.media == "application/json":
        raise InvalidDocument(f"must be JSON to be {found.name}, not bytes")


@lru_cache
def _validator(name: str) -> Validator:
    schema = FORMATS[name].schema
    assert schema is not None
    return Validator(json_schema(schema.__name__, schema))
