"""The files of a repository by path, and the folders that they are in."""

from __future__ import annotations

import binascii
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from paramcount.formats.named_tensors.checkpoint import Bytes
from paramcount.formats.safetensors.header import decode_file
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import NotJSON, Source, decode
from paramcount.model import budget
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, raise_problems, token

HEADER, BASE64 = "safetensors_header", "base64"
"""The members of an object that stands for a file of weights: the JSON of its header, or its bytes."""

MAX_FILES = 10_000
MAX_NAME_CHARACTERS, MAX_FOLDERS_IN_A_PATH = 255, 32


class Folder:
    """One folder: its files by name, and what is below it."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.files: dict[str, Any] = {}  # JSON, bytes, or an object of BASE64 or HEADER
        self.folders: dict[str, Folder] = {}

    @classmethod
    def of(cls, files: Mapping[str, Any]) -> Folder:
        """Return the folder of files by relative path. Raises Problems."""
        if len(files) > MAX_FILES:
            raise Problems([TooLarge(f"holds {len(files):,} files, where {MAX_FILES:,} are the most", "/files")])
        root = cls()
        problems: list[ArchitectureError] = []
        for path, content in files.items():
            *parents, name = parts = path.split("/")
            if len(parents) > MAX_FOLDERS_IN_A_PATH or max(map(len, parts)) > MAX_NAME_CHARACTERS:
                problems.append(TooLarge(f"holds a path that is too long: {path[:100]}", "/files"))
                continue
            if any(part in ("", ".", "..") for part in parts) or "\\" in path:
                problems.append(InvalidDocument("must be a relative path, with / between its parts", pointer(path)))
                continue
            folder = root
            for parent in parents:
                folder = folder.folders.setdefault(parent, cls(f"{folder.path}{parent}/"))
            folder.files[name] = content
        raise_problems(problems)
        return root

    def find(self, path: str) -> Folder | None:
        """Return the folder at a relative path; '' is this one."""
        folder: Folder | None = self
        for part in path.split("/") if path else ():
            folder = folder.folders.get(part) if folder else None
        return folder

    def pointer(self, name: str) -> str:
        """Return the JSON pointer to a file of this folder."""
        return pointer(self.path + name)

    def read_json(self, name: str) -> Any:
        """Return the value of a file of JSON; None where there is none. Raises InvalidDocument."""
        content = self.files.get(name)
        if not is_file(content):
            return content
        data = self.read_bytes(name)
        with locate_file(self.path + name):
            raw = bytes(data[:])
            budget.check_values(raw)
            try:
                return decode(raw)
            except NotJSON as error:
                raise InvalidDocument(f"is not JSON: {error}", code="not_json") from None

    def read_object(self, name: str) -> dict[str, Any]:
        """Return the object in a file of JSON; empty where there is no file. Raises InvalidDocument."""
        if name not in self.files:
            return {}
        value = self.read_json(name)
        if not isinstance(value, dict):
            raise InvalidDocument("must be an object", self.pointer(name), "type")
        return value

    def read_bytes(self, name: str) -> Any:
        """Return the bytes of a file. Raises InvalidDocument."""
        content = self.files[name]
        if isinstance(content, Bytes):
            return content
        if not _is_base64(content):
            detail = 'must be the file\'s bytes, {"base64": ...}, or {"safetensors_header": ...}'
            raise InvalidDocument(detail, self.pointer(name), "type")
        try:
            return b64decode(content[BASE64], validate=True)
        except (binascii.Error, ValueError):
            raise InvalidDocument("is not base64", f"{self.pointer(name)}/{BASE64}", "base64") from None

    def read_header(self, name: str) -> Any:
        """Return the header of a safetensors file as plain values. Raises ArchitectureError."""
        content = self.files[name]
        if isinstance(content, dict) and content.keys() == {HEADER}:
            return content[HEADER]
        data = self.read_bytes(name)
        with locate_file(self.path + name):
            if file_kind(data) != "safetensors":
                raise InvalidDocument("is no safetensors file", code="magic")
            return decode_file(data)

    def source(self, name: str) -> Source:
        """Return a file's bytes as a source. Raises InvalidDocument."""
        return Source.of(self.read_bytes(name))

    def walk(self) -> Iterator[Folder]:
        """Yield this folder, and those below it."""
        pending = [self]
        while pending:
            folder = pending.pop()
            yield folder
            pending += folder.folders.values()


def is_file(content: Any) -> bool:
    """Return whether a content is a file's bytes, or an object of them, and not the value of JSON."""
    return isinstance(content, Bytes) or _is_base64(content)


def _is_base64(content: Any) -> bool:
    return isinstance(content, dict) and content.keys() == {BASE64} and isinstance(content[BASE64], str)


def pointer(path: str) -> str:
    """Return the JSON pointer to a file by its path in the repository."""
    return f"/files{token(path)}"


@contextmanager
def locate_problems(prefix: str, path: str = "") -> Iterator[None]:
    """Let problems point to what is at a pointer; where it is a file, name that in what they need."""
    try:
        yield
    except (ArchitectureError, Problems) as error:
        for problem in error.problems if isinstance(error, Problems) else (error,):
            problem.pointer = prefix + problem.pointer
            if problem.needs is not None and path:
                problem.needs = {**problem.needs, "file": path}
        raise


def locate_file(path: str) -> AbstractContextManager[None]:
    """Let problems inside a file point to it, and name it in what they need."""
    return locate_problems(pointer(path), path)
