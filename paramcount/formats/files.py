"""Files as payloads: a document, a file of weights (mapped: only what is read is loaded), or a whole checkpoint."""

from __future__ import annotations

import glob
import re
import zlib
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Sequence
from errno import ENOENT
from mmap import ACCESS_READ, mmap
from os import strerror
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import BadZipFile, ZipFile

import orjson

from paramcount.formats.keras.archive import finite
from paramcount.formats.safetensors.header import parse
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, token

MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""The longest document, in bytes, that is read whole."""

_INDEX = ".safetensors.index.json"
_SHARD = re.compile(r"-\d+-of-\d+\.(safetensors|gguf)$", re.ASCII)
_PICKLED = "is a pickle, which only its framework can read: docs/checkpoints.md tells how to print what to count"


def payload(*paths: str) -> Any:
    """What stands at a path: a file, a folder or a glob of one checkpoint's files; or at several, which are the files
    of one checkpoint. Raises OSError or Problems.
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
            return _indexed(Path(path))
        return _file(Path(path))
    except ArchitectureError as error:
        raise Problems([error]) from None


def stream(file: BinaryIO) -> Any:
    """What a stream holds, of which no more than a long document is read. Raises Problems."""
    raw = file.read(MAX_DOCUMENT_BYTES + 1)
    if len(raw) > MAX_DOCUMENT_BYTES:
        raise Problems([TooLarge(f"is longer than {MAX_DOCUMENT_BYTES:,} bytes: name the file instead")])
    return document(raw)


def document(raw: bytes) -> Any:
    """What bytes hold: JSON where they are JSON, else text where they are text, else a file."""
    for mark, encoding in ((BOM_UTF8, "utf-8-sig"), (BOM_UTF16_LE, "utf-16"), (BOM_UTF16_BE, "utf-16")):
        if raw.startswith(mark) and b"\0\0" not in raw[:10]:  # as PowerShell writes what is redirected
            raw = raw.decode(encoding, "replace").encode(errors="replace")
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        pass
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def _file(path: Path) -> Any:
    """One file; of a shard, what its name tells of the others goes along."""
    with path.open("rb") as file:
        start = file.read(9)
    if start[:4] == b"GGUF":
        return _mapped(path)
    if start[5:] == b"\0\0\0{":
        return {"shards": {path.name: _header(path)}} if _SHARD.search(path.name) else _mapped(path)
    if start[:4] == b"PK\3\4":
        return _archive(path)
    if start[:1] == b"\x80" or start[:8] == b"\x89HDF\r\n\x1a\n":
        raise InvalidDocument(_PICKLED if start[:1] == b"\x80" else "is an HDF5 file: give the model's JSON (to_json)")
    if path.suffix == ".onnx":
        return _mapped(path)
    if path.stat().st_size > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"is no file of weights that is known, and longer than {MAX_DOCUMENT_BYTES:,} bytes")
    return document(path.read_bytes())


def _mapped(path: Path) -> mmap | bytes:
    """A file's bytes, each loaded when it is read."""
    with path.open("rb") as file:
        return mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""


def _archive(path: Path) -> Any:
    """The config of a model that Keras saved (.keras); other archives are torch's pickles."""
    try:
        with ZipFile(path) as archive:
            if "config.json" not in archive.namelist():
                raise InvalidDocument(_PICKLED)
            if archive.getinfo("config.json").file_size > MAX_DOCUMENT_BYTES:
                raise TooLarge(f"holds a config.json longer than {MAX_DOCUMENT_BYTES:,} bytes")
            return finite(archive.read("config.json"))
    except (BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise InvalidDocument(f"is an archive that cannot be read: {str(error)[:100]}") from None


def _header(path: Path) -> Any:
    """The header of a safetensors file, checked against the file's length."""
    data = _mapped(path)
    try:
        return parse(data)
    except ArchitectureError as error:
        error.pointer = token(path.name) + error.pointer
        raise
    finally:
        if isinstance(data, mmap):
            data.close()


def _folder(folder: Path) -> Any:
    """The one model that a folder holds, as the Hub lays it out: weights before config.json."""
    indexes = sorted(folder.glob(f"*{_INDEX}"))
    if len(indexes) == 1:
        return _indexed(indexes[0])
    for kind in ("safetensors", "gguf", "onnx"):
        if found := sorted(folder.glob(f"*.{kind}")):
            return _checkpoint(found, str(folder))
    if (config := folder / "config.json").exists():
        return _file(config)
    raise InvalidDocument("holds no safetensors, gguf or onnx files, and no config.json")


def _checkpoint(paths: Sequence[Path], asked: str) -> Any:
    """Several files as one checkpoint: shards of one name."""
    if not paths:
        raise FileNotFoundError(ENOENT, strerror(ENOENT), asked)
    names = {_SHARD.sub("", path.name) for path in paths}
    kinds = {path.suffix for path in paths}
    if len(names) > 1 or len(kinds) > 1:
        raise InvalidDocument(f"holds several models ({', '.join(sorted(names)[:5])}): name the files of one")
    if kinds == {".safetensors"}:
        return _shards(paths, paths[0].with_name("config.json"))
    return _file(paths[0]) if len(paths) == 1 else {path.name: _mapped(path) for path in paths}


def _shards(paths: Iterable[Path], config: Path) -> dict[str, Any]:
    """The headers of a checkpoint's files, with the config beside them, where there is one."""
    found: dict[str, Any] = {"shards": {path.name: _header(path) for path in paths}}
    if config.exists() and isinstance(stated := document(config.read_bytes()), dict):
        found["config"] = stated
    return found


def _indexed(path: Path) -> Any:
    """A sharded checkpoint by its index, as far as its files are there."""
    index = document(path.read_bytes())
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict):
        raise InvalidDocument("is no index of a checkpoint: it has no weight_map")
    names = sorted({name for name in places.values() if isinstance(name, str) and name == Path(name).name})
    there = (file for name in names if (file := path.with_name(name)).exists())
    return _shards(there, path.with_name("config.json")) | {"index": index}
