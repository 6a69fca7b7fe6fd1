"""Read a source: detect its format, and call that format's reader or explain what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from paramcount.formats.source import Bytes, NotJSON, Source
from paramcount.formats.unsupported import explain_document
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    Problems,
    TooLarge,
    UnknownFormat,
    did_you_mean,
    raise_problems,
)
from paramcount.schema.components import json_schema
from paramcount.schema.registry import FORMATS, Format
from paramcount.schema.validator import Validator, format_value

if TYPE_CHECKING:
    from paramcount.model.document import Document


def detect(document: Any, name: str | None = None) -> Format:
    """Return the format called `name`, or the only one that claims the document. Raises UnknownFormat."""
    if name is not None:
        if name not in FORMATS:
            raise UnknownFormat(f'"{name[:100]}" is no known format{did_you_mean(name, FORMATS)}')
        return FORMATS[name]
    outline = Source.of(document).outline
    claimants = _find_claimants(outline)
    if len(claimants) == 1:
        return claimants[0]
    if not claimants and (explanation := explain_document(Source.of(document).value)):
        raise UnknownFormat(explanation)
    names = ", ".join(candidate.name for candidate in claimants or FORMATS.values())
    reason = "could be any of" if claimants else "is in no format that is recognised by itself; known are"
    raise UnknownFormat(f'{reason} {names}: state its "format"')


def _find_claimants(outline: Any) -> list[Format]:
    candidates: Iterable[Format] = FORMATS.values()
    if isinstance(outline, dict):
        names = outline.keys()
        candidates = [each for each in candidates if each.members is None or not names.isdisjoint(each.members)]
    return [candidate for candidate in candidates if candidate.claims(outline)]


def read(document: Any, document_format: Format, remote_code: str = "refuse") -> Document:
    """Return the Document of a Source or a Python value. Raises Problems with everything that is wrong, or NotJSON.

    `remote_code="base"` reads a model with code of its own as its base class.
    """
    source = Source.of(document)
    try:
        return _read(source, document_format, remote_code)
    except Problems as problems:
        if any(problem.needs and problem.needs["file"] for problem in problems.problems):
            raise  # a part of the file is missing, so that nothing else can be said of it
        if explanation := _explain_other(source, document_format):
            raise Problems([UnknownFormat(explanation)]) from None
        raise problems from None


def _explain_other(source: Source, document_format: Format) -> str:
    """Return what a document is that its format does not claim: no model, or of another format; '' for neither."""
    try:
        outline = source.outline
        if (
            isinstance(outline, (Mapping, list, str, *Bytes))
            and outline != {}
            and (explanation := explain_document(outline))
        ):
            return explanation
        if not isinstance(outline, Mapping) or not outline or document_format.claims(outline):
            return ""
        claimants = _find_claimants(outline)
    except (NotJSON, Problems, RecursionError):
        return ""
    return f"is {claimants[0].name}, not {document_format.name}" if len(claimants) == 1 else ""


def _read(source: Source, document_format: Format, remote_code: str) -> Document:
    """Return the Document of a source. Raises Problems, or NotJSON."""
    try:
        _check_kind(source, document_format)
        if document_format.parse is not None and source.kind == "json":
            return _parse(source, document_format.parse, document_format)
        raise_problems(_explain(source, document_format))
        reader = document_format.read
        if document_format.read_as_base is not None and remote_code == "base":
            reader = document_format.read_as_base
        return reader(source.value)._replace(format=document_format.name)
    except ArchitectureError as error:
        raise Problems([error]) from None
    except RecursionError:
        raise Problems([TooLarge("is nested too deeply")]) from None


def _parse(source: Source, parse: Any, document_format: Format) -> Document:
    """Return the Document of JSON that its reader decodes; problems are the schema's, else the reader's."""
    try:
        document: Document = parse(source.raw)
    except (ArchitectureError, Problems, RecursionError, NotJSON):
        raise_problems(_explain(source, document_format))
        raise
    return document._replace(format=document_format.name)


def _explain(source: Source, document_format: Format) -> list[ArchitectureError]:
    """Return the violations of the format's schema."""
    if document_format.schema is None or source.kind == "file":
        return []
    return _validator(document_format.name).problems(source.value)


def _check_kind(source: Source, document_format: Format) -> None:
    """Raise InvalidDocument for a text, a file or JSON where the format takes another of them."""
    is_text = document_format.media.startswith("text/")
    if (source.kind == "text") != is_text and (is_text or document_format.schema is None):
        wanted = "text" if is_text else "an object"
        raise InvalidDocument(f"must be {wanted} to be {document_format.name}, not {format_value(source.value)}")
    if source.kind == "file" and document_format.media == "application/json":
        raise InvalidDocument(f"must be JSON to be {document_format.name}, not bytes")


@lru_cache
def _validator(name: str) -> Validator:
    schema = FORMATS[name].schema
    assert schema is not None
    return Validator(json_schema(schema.__name__, schema))
