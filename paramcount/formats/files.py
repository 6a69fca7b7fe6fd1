"""Files as sources: a document, a file of weights (mapped: only what is read is loaded), or a whole checkpoint."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Sequence
from errno import ENOENT
from mmap import ACCESS_READ, mmap
from os import strerror
from pathlib import Path
from typing import Any, BinaryIO

from paramcount.formats.repository.checkpoints import is_relevant
from paramcount.formats.safetensors.header import decode_file
from paramcount.formats.signatures import file_kind
from paramcount.formats.source import Source, recognize
from paramcount.model.errors import ArchitectureError, InvalidDocument, Problems, TooLarge, token

MAX_DOCUMENT_BYTES = 512 * 1024 * 1024
"""The longest document that is read whole."""

_INDEXES = (".safetensors.index.json", ".bin.index.json")
_SHARD = re.compile(r"-\d+-of-\d+\.(safetensors|gguf|bin)$", re.ASCII)
_DISTRIBUTED = ".metadata"
"""The file of a distributed checkpoint of torch that has all shapes."""


def is_address(text: str) -> bool:
    """Return whether a text names a file at an address, or a model on the Hugging Face Hub."""
    return text.lower().startswith(("hf://", "https://", "http://"))


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
        if path.endswith(_INDEXES):
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


def open_content(name: str, content: Any) -> Source:
    """Open a file's bytes, of which its name may say more: a document, weights, or one of several shards.

    Raises ArchitectureError.
    """
    kind = file_kind(content)
    if kind and name.endswith((".safetensors", ".bin")) and _SHARD.search(name):
        return Source.of({"shards": {name: _header(name, content) if kind == "safetensors" else content}})
    if kind or name.endswith(".onnx"):
        return Source.of(content)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise TooLarge(f"is no file of weights that is known, and longer than {MAX_DOCUMENT_BYTES:,} bytes")
    return recognize(content if isinstance(content, bytes) else content[:])


def _file(path: Path) -> Source:
    """One file; of a shard, what its name says of the others goes along."""
    return open_content(path.name, _map_file(path))


def _map_file(path: Path) -> MappedFile | bytes:
    """A file's bytes, each loaded when it is read."""
    with path.open("rb") as file:
        return MappedFile(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""


def _header(name: str, data: Any) -> Any:
    """The header of a safetensors file, checked against the file's length."""
    try:
        return decode_file(data)
    except ArchitectureError as error:
        error.pointer = token(name) + error.pointer
        raise
    except Problems as problems:
        for problem in problems.problems:
            problem.pointer = token(name) + problem.pointer
        raise
    finally:
        if isinstance(data, mmap):
            data.close()


def _folder(folder: Path) -> Source:
    """The files of a model's folder that say what it is, by their path in it."""
    if (metadata := folder / _DISTRIBUTED).is_file():
        return _file(metadata)
    paths = sorted(path for path in folder.rglob("*") if is_relevant(path.name) and path.is_file())
    files = {path.relative_to(folder).as_posix(): _map_file(path) for path in paths if not _is_hidden(path, folder)}
    if not files:
        raise InvalidDocument("holds no files of weights that are known, and no config.json")
    return Source.of({"files": files})


def _is_hidden(path: Path, folder: Path) -> bool:
    """Return whether a file is in a folder whose name begins with a dot, as the Hub's cache and git's are."""
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _checkpoint(paths: Sequence[Path], named: str) -> Source:
    """Several files as one checkpoint: shards of one name. `named` is what was asked for."""
    if not paths:
        raise FileNotFoundError(ENOENT, strerror(ENOENT), named)
    names = {_SHARD.sub("", path.name) for path in paths}
    kinds = {path.suffix for path in paths}
    if len(names) > 1 or len(kinds) > 1:
        raise InvalidDocument(f"holds several models ({', '.join(sorted(names)[:5])}): name the files of one")
    if kinds == {".safetensors"} or (kinds == {".bin"} and _SHARD.search(paths[0].name)):
        return Source.of(_shards(paths, paths[0].with_name("config.json")))
    return _file(paths[0]) if len(paths) == 1 else Source.of({path.name: _map_file(path) for path in paths})


def _shards(paths: Iterable[Path], config: Path) -> dict[str, Any]:
    """The headers of a checkpoint's files, or the files, with the config beside them, where there is one."""
    files = {path.name: _map_file(path) for path in paths}
    shards = {name: _header(name, data) if name.endswith(".safetensors") else data for name, data in files.items()}
    document: dict[str, Any] = {"shards": shards}
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
