"""Files as sources: a document, a file of weights (mapped: only what is read is loaded), or a whole checkpoint."""

from __future__ import annotations

import glob
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Sequence
from errno import ENOENT
from mmap import ACCESS_READ, mmap
from os import strerror
from pathlib import Path
from typing import Any, BinaryIO

from paramcount.formats.safetensors.header import decode_file
from paramcount.formats.signatures import SIGNATURE_BYTES, file_kind
from paramcount.formats.source import Source
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, token

MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""The longest document that is read whole."""

_INDEX = ".safetensors.index.json"
_SHARD = re.compile(r"-\d+-of-\d+\.(safetensors|gguf)$", re.ASCII)
_BYTE_ORDER_MARKS = ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16"))


class MappedFile(mmap):
    """A file's bytes, each loaded when it is read; zipfile reads it as a file."""

    def seekable(self) -> bool:
        return True


def open_source(*paths: str) -> Source:
    """Open what is at a path: a file, a folder, or a glob of one checkpoint's files; or at the paths of such files.

    Raises OSError or Problems.
    """
    path = paths[0]
    try:
        if len(paths) > 1:
            return _checkpoint([Path(name) for name in sorted(paths)], path)
        if glob.has_magic(path) and not Path(path).exists():
            return _checkpoint([Path(name) for name in sorted(glob.glob(path))], path)  # noqa: PTH207 # it may be absolute
        if Path(path).is_dir():
            return _folder(Path(path))
        if path.endswith(_INDEX):
            return _read_sharded(Path(path))
        return _file(Path(path))
    except ArchitectureError as error:
        raise Problems([error]) from None


def read_stream(file: BinaryIO) -> Source:
    """Read a stream, up to the length of a long document. Raises Problems."""
    raw = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise Problems([TooLarge(f"is longer than {MAX_DOCUMENT_BYTES:,} bytes: name the file instead")])
    return recognize(raw)


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


def _file(path: Path) -> Source:
    """One file; of a shard, what its name says of the others goes along."""
    with path.open("rb") as file:
        kind = file_kind(file.read(SIGNATURE_BYTES))
    if kind == "safetensors" and _SHARD.search(path.name):
        return Source.of({"shards": {path.name: _header(path)}})
    if (kind and kind != "onnx") or path.suffix == ".onnx":
        return Source.of(_map_file(path))
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"is no file of weights that is known, and longer than {MAX_DOCUMENT_BYTES:,} bytes")
    return recognize(path.read_bytes())


def _map_file(path: Path) -> MappedFile | bytes:
    """A file's bytes, each loaded when it is read."""
    with path.open("rb") as file:
        return MappedFile(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""


def _header(path: Path) -> Any:
    """The header of a safetensors file, checked against the file's length."""
    data = _map_file(path)
    try:
        return decode_file(data)
    except ArchitectureError as error:
        error.pointer = token(path.name) + error.pointer
        raise
    except Problems as problems:
        for problem in problems.problems:
            problem.pointer = token(path.name) + problem.pointer
        raise
    finally:
        if isinstance(data, mmap):
            data.close()


def _folder(folder: Path) -> Source:
    """The one model that a folder holds, as the Hub lays it out: weights before config.json."""
    indexes = sorted(folder.glob(f"*{_INDEX}"))
    if len(indexes) == 1:
        return _read_sharded(indexes[0])
    for kind in ("safetensors", "gguf", "onnx"):
        if files := sorted(folder.glob(f"*.{kind}")):
            return _checkpoint(files, str(folder))
    if (config := folder / "config.json").exists():
        return _file(config)
    raise InvalidDocument("holds no safetensors, gguf or onnx files, and no config.json")


def _checkpoint(paths: Sequence[Path], named: str) -> Source:
    """Several files as one checkpoint: shards of one name. `named` is what was asked for."""
    if not paths:
        raise FileNotFoundError(ENOENT, strerror(ENOENT), named)
    names = {_SHARD.sub("", path.name) for path in paths}
    kinds = {path.suffix for path in paths}
    if len(names) > 1 or len(kinds) > 1:
        raise InvalidDocument(f"holds several models ({', '.join(sorted(names)[:5])}): name the files of one")
    if kinds == {".safetensors"}:
        return Source.of(_shards(paths, paths[0].with_name("config.json")))
    return _file(paths[0]) if len(paths) == 1 else Source.of({path.name: _map_file(path) for path in paths})


def _shards(paths: Iterable[Path], config: Path) -> dict[str, Any]:
    """The headers of a checkpoint's files, with the config beside them, where there is one."""
    document: dict[str, Any] = {"shards": {path.name: _header(path) for path in paths}}
    if config.exists() and isinstance(stated := _json_or_none(config), dict):
        document["config"] = stated
    return document


def _read_sharded(path: Path) -> Source:
    """A sharded checkpoint by its index, as far as its files are there."""
    index = _json_or_none(path)
    files = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(files, dict):
        raise InvalidDocument("is no index of a checkpoint: it has no weight_map")
    names = sorted({name for name in files.values() if isinstance(name, str) and name == Path(name).name})
    present = (file for name in names if (file := path.with_name(name)).exists())
    return Source.of(_shards(present, path.with_name("config.json")) | {"index": index})


def _json_or_none(path: Path) -> Any:
    """The JSON of a file; None where it holds none."""
    try:
        return recognize(path.read_bytes()).value
    except ValueError:
        return None
