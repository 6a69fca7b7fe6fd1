"""A document as received: bytes of JSON, of a text or of a file, decoded at need."""

from __future__ import annotations

import json
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import ItemsView, Mapping, ValuesView
from mmap import mmap
from typing import Any, Literal

import msgspec
import orjson

from paramcount.formats import unique_names
from paramcount.formats.partial_file import PartialFile
from paramcount.model.errors import InvalidDocument

Bytes = (bytes, bytearray, memoryview, mmap, PartialFile)
"""The types that may hold a file's bytes."""

_BYTE_ORDER_MARKS = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))

_MISSING: Any = object()

parse_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
"""Parse a JSON object into its members, undecoded. Raises msgspec.DecodeError or RecursionError."""


class NotJSON(ValueError):
    """Bytes that should be JSON and are not."""


class Members(dict[str, Any]):
    """The members of a JSON object, each decoded at its first use."""

    def __init__(self, raw: Mapping[str, msgspec.Raw]) -> None:
        super().__init__(raw)

    def __getitem__(self, name: str) -> Any:
        value = super().__getitem__(name)
        if isinstance(value, msgspec.Raw):
            value = decode(value)
            self[name] = value
        return value

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        return ItemsView(self)

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        return ValuesView(self)


def syntax_error(raw: bytes, error: Exception) -> NotJSON:
    """Return the error of bytes that are no JSON, with line and column where orjson finds them."""
    try:
        orjson.loads(raw)
    except orjson.JSONDecodeError as located:
        return NotJSON(str(located))
    return NotJSON(str(error))


def decode(raw: msgspec.Raw | bytes) -> Any:
    """Return the value of JSON (RFC 8259: no NaN, no Infinity); of a name that an object has twice the last value.

    Raises NotJSON.
    """
    try:
        return orjson.loads(bytes(raw))
    except orjson.JSONDecodeError as error:
        raise NotJSON(str(error)) from None


def decode_unambiguous(raw: msgspec.Raw | bytes) -> Any:
    """Return the value of JSON in which no object has a name twice. Raises NotJSON or Problems."""
    raw = bytes(raw)
    value = decode(raw)
    unique_names.check(raw, value)
    return value


def encode(value: Any) -> bytes:
    """Return the JSON of a Python value. Raises InvalidDocument."""
    try:
        return orjson.dumps(value)
    except TypeError:  # an integer of more than 64 bits, a lone surrogate, deep nesting: JSON can hold them
        pass
    try:
        return json.dumps(value).encode()
    except RecursionError:
        raise InvalidDocument("is nested too deeply", code="too_large") from None
    except (TypeError, ValueError) as error:
        raise InvalidDocument(f"is not JSON: {str(error)[:100]}") from None


class Source:
    """One document. Its `kind`: JSON, the text of print(model), or a file of another kind."""

    __slots__ = ("_raw", "_value", "kind")

    def __init__(self, kind: Literal["json", "text", "file"], raw: Any = _MISSING, value: Any = _MISSING) -> None:
        self.kind, self._raw, self._value = kind, raw, value

    @classmethod
    def of(cls, document: Any) -> Source:
        """Return a Python value as a source: a text, a file's bytes, or a value of JSON."""
        if isinstance(document, Source):
            return document
        if isinstance(document, str):
            return cls("text", value=document)
        return cls("file", document, document) if isinstance(document, Bytes) else cls("json", value=document)

    @classmethod
    def from_json(cls, raw: bytes) -> Source:
        """Return undecoded JSON as a source; a JSON string holds a text. Raises NotJSON."""
        if raw.lstrip(b" \t\n\r")[:1] == b'"':
            return cls("text", value=decode(raw))
        return cls("json", raw)

    @property
    def is_undecoded(self) -> bool:
        """True for bytes of JSON of which nothing was needed yet."""
        return self._value is _MISSING

    @property
    def raw(self) -> Any:
        """The bytes of a file, or of JSON. Raises InvalidDocument where a value is not JSON's."""
        if self._raw is _MISSING:
            self._raw = encode(self._value)
        return self._raw

    @property
    def is_decoded(self) -> bool:
        """False where only the bytes of a document were needed so far."""
        return self._value is not _MISSING

    @property
    def value(self) -> Any:
        """The decoded document. Raises NotJSON, or Problems where an object has a name twice."""
        if self._value is _MISSING:
            self._value = decode_unambiguous(self._raw)
        return self._value

    @property
    def outline(self) -> Any:
        """The value to detect the format by: of a JSON object its members, decoded at need. Raises NotJSON."""
        if self._value is _MISSING:
            try:
                return Members(parse_members(self._raw))
            except (ValueError, RecursionError):  # no object, or no JSON
                pass
        return self.value


def recognize(raw: bytes) -> Source:
    """Bytes as JSON where they begin as such, else as text where they are UTF-8 or marked UTF-16, else as a file's."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if raw.startswith(mark) and b"\0\0" not in raw[:10]:  # as PowerShell writes what is redirected
            raw = raw.decode(encoding, "replace").encode(errors="replace")
    if raw.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b'"'):
        try:
            return Source.from_json(raw)
        except ValueError:
            pass
    try:
        return Source("text", value=raw.decode())
    except UnicodeDecodeError:
        return Source.of(raw)
