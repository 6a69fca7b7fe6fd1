"""Bodies of multipart/form-data (RFC 7578): files, in full or in part, and options; nothing is written to a disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, NamedTuple

from flask import Request
from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, State

from paramcount.formats.partial_file import MAX_FILE_BYTES, PartialFile
from paramcount.formats.source import NotJSON, decode
from paramcount.model import budget
from paramcount.model.errors import (
    ArchitectureError,
    InvalidDocument,
    Problems,
    UnknownFormat,
    raise_problems,
    token,
)
from service.problems import HTTPProblem

MULTIPART = "multipart/form-data"

MAX_PARTS, MAX_PART_HEADER_BYTES = 5_000, 16 * 1024

ARCHITECTURE = "architecture"
"""The field that holds a document: JSON, or a text."""

JSON_FIELDS = ("adapter", "base", "trainable")
"""The fields that hold JSON."""

_BLANK_LINE = re.compile(rb"\r\n\r\n|\r\r|\n\n")

_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18})", re.ASCII)


class Part(NamedTuple):
    """One part: a field's text, or a file's bytes."""

    name: str
    path: str  # of a file; empty for a field
    content_range: str
    data: bytes

    @property
    def text(self) -> str:
        """A field's text."""
        return self.data.decode(errors="replace")


class Upload(NamedTuple):
    """A body: the files by path, the options in order of appearance, and the fields of JSON and `architecture`."""

    files: dict[str, Any]
    options: tuple[tuple[str, str], ...]
    members: dict[str, Any]
    document: str | None


def read_upload(raw: bytes, request: Request) -> Upload:
    """Split a body into its files and fields. Raises HTTPProblem or Problems."""
    problems: list[ArchitectureError] = []
    parts = list(_split(raw, request.mimetype_params.get("boundary", "")))
    files = _join_files([part for part in parts if part.path], problems)
    fields = [part for part in parts if not part.path]
    members = _decode_fields([field for field in fields if field.name in JSON_FIELDS], problems)
    documents = [field.text for field in fields if field.name == ARCHITECTURE]
    if len(documents) + bool(files) > 1:
        detail = "is given twice" if len(documents) > 1 else "is given, and files too"
        problems.append(InvalidDocument(detail, token(ARCHITECTURE), "contradiction"))
    raise_problems(problems)
    if not documents and not files:
        raise Problems([UnknownFormat(f"holds neither a file nor a field {ARCHITECTURE}")])
    options = [(field.name, field.text) for field in fields if field.name not in (*JSON_FIELDS, ARCHITECTURE)]
    return Upload(files, tuple(options), members, documents[0] if documents else None)


def _decode_fields(fields: list[Part], problems: list[ArchitectureError]) -> dict[str, Any]:
    """Return the values of fields of JSON; add what is wrong with them to the problems."""
    members: dict[str, Any] = {}
    for field in fields:
        try:
            if field.name in members:
                raise InvalidDocument("is given twice", code="duplicate_name")
            budget.check_values(field.data)
            members[field.name] = decode(field.data)
        except NotJSON as error:
            problems.append(InvalidDocument(f"is not JSON: {error}", token(field.name), "not_json"))
        except ArchitectureError as error:
            error.pointer = token(field.name)
            problems.append(error)
    return members


def _join_files(parts: list[Part], problems: list[ArchitectureError]) -> dict[str, Any]:
    """Return the files by path; add what is wrong with their ranges to the problems."""
    parts_by_path: dict[str, list[Part]] = {}
    for part in parts:
        parts_by_path.setdefault(part.path, []).append(part)
    files = {}
    for path, parts_of_file in parts_by_path.items():
        try:
            files[path] = _join(path, parts_of_file)
        except ArchitectureError as error:
            error.pointer = token(path) + error.pointer
            problems.append(error)
    return files


def _split(raw: bytes, boundary: str) -> Iterator[Part]:
    """Yield the parts of a body. Raises HTTPProblem."""
    decoder = MultipartDecoder(boundary.encode("latin-1", "replace"), max_parts=MAX_PARTS)
    decoder.receive_data(raw)
    decoder.receive_data(None)
    start: Field | File | None = None
    chunks: list[bytes] = []
    try:
        if not boundary:
            raise ValueError("its content type states no boundary")  # noqa: TRY301 # answered as the decoder's
        while not isinstance(event := decoder.next_event(), Epilogue):
            if decoder.state is State.PART and not _BLANK_LINE.search(decoder.buffer, 0, MAX_PART_HEADER_BYTES):
                raise ValueError(f"a part has no header of at most {MAX_PART_HEADER_BYTES:,} bytes")  # noqa: TRY301
            if isinstance(event, Field | File):
                start = event
            elif isinstance(event, Data) and start is not None:
                chunks.append(event.data)
                if not event.more_data:
                    yield _make_part(start, b"".join(chunks))
                    chunks.clear()
    except RequestEntityTooLarge:
        detail = f"The body has more than {MAX_PARTS:,} parts."
        raise HTTPProblem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail) from None
    except ValueError as error:
        raise HTTPProblem(HTTPStatus.BAD_REQUEST, f"The body is not {MULTIPART}: {str(error)[:100]}.") from None


def _make_part(start: Field | File, data: bytes) -> Part:
    """Return a part; a file's path is its name in the form where that is a path, as of requests' files={path: ...}."""
    headers: Headers = start.headers
    name = start.name or ""
    path = ""
    if isinstance(start, File):
        file_name = (start.filename or "").replace("\\", "/")
        path = name if "/" in name and name.endswith(file_name) else file_name or name or "file"
    return Part(name, path, headers.get("Content-Range", ""), data)


def _join(path: str, parts: list[Part]) -> Any:
    """Return a file: its bytes, or what there is of them. Raises InvalidDocument."""
    if len(parts) == 1 and not parts[0].content_range:
        return parts[0].data
    ranges: list[tuple[int, bytes]] = []
    sizes = set()
    for part in parts:
        match = _CONTENT_RANGE.fullmatch(part.content_range)
        if not match:
            detail = "of a file in several parts must be bytes first-last/size, or bytes */size for none"
            raise InvalidDocument(detail, "/Content-Range", "range")
        first, last, size = (int(group) if group else 0 for group in match.groups())
        sizes.add(size)
        if match[1] and last - first + 1 != len(part.data):
            detail = f"is {part.content_range}, and the part has {len(part.data):,} bytes"
            raise InvalidDocument(detail, "/Content-Range", "range")
        if len(part.data):
            ranges.append((first, part.data))
    if len(sizes) > 1 or max(sizes) > MAX_FILE_BYTES:
        raise InvalidDocument(f"must state one size, of at most {MAX_FILE_BYTES:,} bytes", "/Content-Range", "range")
    file = PartialFile(path, max(sizes), ranges)
    return file[:] if file.is_complete else file
