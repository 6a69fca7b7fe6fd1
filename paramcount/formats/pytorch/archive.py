"""Files of torch.save: the pickle in a zip archive, in a file of torch before 1.6, or alone; from their first bytes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from mmap import mmap
from typing import Any, TypeVar

from paramcount.formats.partial_file import PartialFile
from paramcount.formats.pickles.machine import BadPickle, Machine
from paramcount.formats.pickles.objects import Global
from paramcount.formats.pytorch import rebuild
from paramcount.formats.pytorch.records import RecordReader
from paramcount.formats.pytorch.tensors import Storage, storage_bytes
from paramcount.formats.signatures import file_kind
from paramcount.formats.zip_archive import Archive, BadArchive, has_directory, read_local
from paramcount.model.errors import Incomplete, InvalidDocument, TooLarge

T = TypeVar("T")

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
"""The numbers that a file of torch before 1.6 begins with (torch/serialization.py)."""

_PICKLE = "data.pkl"
_FIRST_BYTES = 2**16
"""The first bytes that are read of a file that is there in parts; then twice as many, as long as they do not do."""

_MAX_NESTED_FILES = 2
"""torch files inside the bytes of a pickle, one in the other."""


@dataclass
class Pickle:
    """The object that a file's pickle describes; where it was in an archive, that, and the folder in it."""

    value: Any
    globals: Iterable[Global] = ()
    size: int = 0  # lists, dicts, tuples and objects in it
    archive: Archive | None = None
    folder: str = ""


def read_pickle(data: Any) -> Pickle:
    """Return what the pickle of a torch file describes. Raises InvalidDocument, Incomplete or TooLarge."""
    if file_kind(data) == "zip":
        return _read_zip(data)
    return _read_first_bytes(data, _read_plain)


def _read_first_bytes(data: Any, read: Callable[[bytes | mmap, bool], T]) -> T:
    """Return what `read` makes of a file's first bytes, as many as it needs, and of whether they are all."""
    if isinstance(data, bytes | mmap):
        return read(data, isinstance(data, mmap))
    if not isinstance(data, PartialFile):
        return read(bytes(data), False)
    part = data.head(_FIRST_BYTES)
    while True:
        try:
            return read(part, len(part) == len(data))
        except Incomplete as error:
            if len(part) == len(data):
                raise
            needed = max(error.needs["last"] + 1, 2 * len(part))
            available = data.head(needed)
            part = available if len(available) > len(part) else data.read_at(0, needed, "its pickle")


def _read_zip(data: Any) -> Pickle:
    if not has_directory(data) and not isinstance(data, mmap):
        return _read_first_bytes(data, _read_zip_head)
    archive = Archive(data)
    names = [name for name in archive.entries if name.count("/") == 1 and name.endswith("/" + _PICKLE)]
    if len(names) != 1:
        reason = "several times" if names else "nowhere"
        raise BadArchive(f"is a zip archive that holds {_PICKLE} {reason}: torch.save writes it once")
    return read_member(archive, names[0])


def read_member(archive: Archive, name: str) -> Pickle:
    """Return what a pickle in an archive describes. Raises InvalidDocument or TooLarge."""
    folder, _, file = name.rpartition("/")
    data = "data" if file == _PICKLE else file.removesuffix(".pkl")  # the folder of the storages
    raw = archive.read(name)
    loader = _Loader()
    machine = loader.machine(raw)
    value = machine.load()
    if machine.position != len(raw):
        raise BadPickle(f"holds {len(raw) - machine.position:,} bytes after the end of its pickle")
    loader.check_storages(archive, f"{folder}/{data}/")
    return Pickle(value, machine.globals.values(), machine.values, archive, f"{folder}/")


def _read_zip_head(data: bytes | mmap, is_whole: bool) -> Pickle:
    """Read a pickle that is the archive's first member, before its length is known: torch.save writes it there."""
    first = read_local(data, 0)
    if not first.name.endswith("/" + _PICKLE) or first.method or first.flags & 1:
        raise Incomplete(len(data), len(data) + 1, f"the directory at the archive's end, since {_PICKLE} is not first")
    machine = _Loader().machine(data, first.start, is_whole=is_whole)
    return Pickle(machine.load(), machine.globals.values(), machine.values)


def _read_plain(data: bytes | mmap, is_whole: bool) -> Pickle:
    """Read a pickle that stands alone, or those of a file of torch before 1.6."""
    machine = Machine(data, builds=rebuild.builds_with(_Loader().load_nested), is_whole=is_whole)
    value = machine.load()
    if type(value) is not int or value != _MAGIC:
        return Pickle(value, machine.globals.values(), machine.values)
    return _read_legacy(data, machine.position, is_whole=is_whole)


def _read_legacy(data: bytes | mmap, position: int, *, is_whole: bool, depth: int = 0) -> Pickle:
    """Read a file of torch before 1.6 from the position after its magic number."""
    loader = _Loader(depth)
    for part in ("protocol", "system"):
        head = loader.machine(data, position, is_whole=is_whole)
        value = head.load()
        position = head.position
        if part == "protocol" and (type(value) is not int or value != _PROTOCOL):
            raise BadPickle(f"is a torch file of another protocol than {_PROTOCOL}")
    machine = loader.machine(data, position, is_whole=is_whole)
    value = machine.load()
    if is_whole:
        keys = loader.machine(data, machine.position)
        keys.load()
        loader.check_length(data, keys.position)
    return Pickle(value, machine.globals.values(), machine.values)


class _Loader:
    """The storages that one file's pickle refers to."""

    def __init__(self, depth: int = 0) -> None:
        self.depth, self.values = depth, 0
        self.storages: dict[object, int] = {}  # their bytes, by key

    def machine(self, data: bytes | mmap, position: int = 0, *, is_whole: bool = True) -> Machine:
        """Return a machine for a pickle of the file."""
        builds = rebuild.builds_with(self.load_nested)
        machine = Machine(data, position, builds=builds, load_persistent=self.load_storage, is_whole=is_whole)
        machine.shortcut = RecordReader(self.storages)
        return machine

    def load_storage(self, value: Any) -> Any:
        """Return what a persistent id refers to."""
        storage = rebuild.load_persistent(value)
        if isinstance(storage, Storage):
            size = storage_bytes(storage.dtype, storage.size)
            self.storages[storage.identity] = max(size, self.storages.get(storage.identity, 0))
        return storage

    def load_nested(self, args: Any) -> Any:
        """Return the storage of a torch file in a pickle's bytes; each is one of its own."""
        raw = bytes(args[0])
        self.values += 1
        if self.depth >= _MAX_NESTED_FILES:
            raise TooLarge("holds torch files inside each other")
        machine = Machine(raw, builds=rebuild.REBUILDS)
        if machine.load() != _MAGIC:
            raise BadPickle("holds bytes that are no torch file, where one must be")
        storage = _read_legacy(raw, machine.position, is_whole=True, depth=self.depth + 1).value
        if not isinstance(storage, Storage):
            raise BadPickle("holds a torch file of something else than a storage")
        return Storage(storage.dtype, storage, storage.size)

    def check_storages(self, archive: Archive, folder: str) -> None:
        """Refuse an archive without the data of a storage. Raises BadArchive."""
        for key, size in self.storages.items():
            name = f"{folder}{key}"
            entry = archive.entries.get(name)
            if entry is None or entry.size < size:
                state = "is not there" if entry is None else f"has {entry.size:,} bytes instead of {size:,}"
                raise BadArchive(f'is not complete: "{name[:100]}", which a tensor lies in, {state}')

    def check_length(self, data: bytes | mmap, position: int) -> None:
        """Refuse a file that is too short for its storages. Raises InvalidDocument."""
        end = position + sum(8 + size for size in self.storages.values())
        if end > len(data):
            detail = f"is {len(data):,} bytes long, but describes {end:,}: the file is not complete"
            raise InvalidDocument(detail, code="file_length")
