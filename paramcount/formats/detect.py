"""From a source to a Document: find its format, let that format's reader accept it, or say what is wrong with it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from paramcount.formats.source import NotJSON, Source
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    Problems,
    TooLarge,
    UnknownFormat,
    did_you_mean,
)
from paramcount.schema.components import json_schema
from paramcount.schema.registry import FORMATS, Format
from paramcount.schema.validator import Validator, shown

if TYPE_CHECKING:
    from paramcount.model.document import Document


def detect(document: Any, name: str | None = None) -> Format:
    """The format called `name`, or the only one that claims the document. Raises UnknownFormat."""
    if name is not None:
        if name not in FORMATS:
            raise UnknownFormat(f'"{name[:100]}" is no known format{did_you_mean(name, FORMATS)}')
        return FORMATS[name]
    outline = Source.of(document).outline
    claimants = [candidate for candidate in FORMATS.values() if candidate.claims(outline)]
    if len(claimants) == 1:
        return claimants[0]
    names = ", ".join(candidate.name for candidate in claimants or FORMATS.values())
    reason = "could be any of" if claimants else "is in no format that is recognised by itself; known are"
    raise UnknownFormat(f'{reason} {names}: state its "format"')


def read(document: Any, document_format: Format, remote_code: str = "refuse") -> Document:
    """The Document of a Source or a Python value. Raises Problems with everything that is wrong with it, or NotJSON.

    `remote_code="base"` reads a model whose own code is not to be had as the class that it derives from.
    """
    source = Source.of(document)
    try:
        _check_kind(source, document_format)
        if document_format.parse is not None and source.kind == "json":
            return _parse(source, document_format.parse, document_format)
        if problems := _explain(source, document_format):
            raise Problems(problems)
        reader = document_format.base if document_format.base and remote_code == "base" else document_format.read
        return reader(source.value)._replace(format=document_format.name)
    except ArchitectureError as error:
        raise Problems([error]) from None
    except RecursionError:
        raise Problems([TooLarge("is nested too deeply")]) from None


def _parse(source: Source, parse: Any, document_format: Format) -> Document:
    """The Document of JSON whose reader decodes it; what is wrong is said by the schema, else by the reader."""
    try:
        document: Document = parse(source.raw)
    except (ArchitectureError, Problems, RecursionError, NotJSON):
        if problems := _explain(source, document_format):
            raise Problems(problems) from None
        raise
    return document._replace(format=document_format.name)


def _explain(source: Source, document_format: Format) -> list[ArchitectureError]:
    """What breaks the format's schema."""
    if document_format.schema is None or source.kind == "file":
        return []
    return _validator(document_format.name).problems(source.value)


def _check_kind(source: Source, document_format: Format) -> None:
    """Refuse what no document of that format could be."""
    is_text = document_format.media.startswith("text/")
    if (source.kind == "text") != is_text and (is_text or document_format.schema is None):
        wanted = "text" if is_text else "an object"
        raise InvalidDocument(f"must be {wanted} to be {document_format.name}, not {shown(source.value)}")
    if source.kind == "file" and document_format.media == "application/json":
        raise InvalidDocument(f"must be JSON to be {document_format.name}, not bytes")


@lru_cache
def _validator(name: str) -> Validator:
    schema = FORMATS[name].schema
    assert schema is not None
    return Validator(json_schema(schema.__name__, schema))
