"""Ownership of tensors by classes of libraries, as their source proves it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

Ownership = str
"""nothing, buffers, ties (its tensors may be another's), parameters, or "as Linear": the same as torch.nn.Linear."""

_TABLE = "classes.txt"
_WORST_LAST = ("nothing", "buffers", "ties", "parameters")


@cache
def _read_table() -> Mapping[str, Mapping[str, Ownership]]:
    """Return the table: class -> library, or library/file -> ownership."""
    table: dict[str, dict[str, Ownership]] = {}
    library = ownership = ""
    for line in (files(__package__) / _TABLE).read_text().splitlines():
        if line.startswith("# "):
            library, ownership = line[2:].split(": ")
            continue
        for name in line.split():
            table.setdefault(name, {})[library] = ownership
    return table


def find_alias(name: str) -> str:
    """Return the class of torch.nn that a library's class owns and prints the same as, or ''."""
    ownerships = {ownership for ownership in _read_table().get(name, {}).values() if ownership.startswith("as ")}
    return ownerships.pop()[3:] if len(ownerships) == 1 else ""


def find_ownerships(names: Collection[str], root: str) -> Mapping[str, Ownership]:
    """Return the ownership of each class in one text, of tensors that are not printed.

    Classes of one name differ between libraries, and between a library's files. If some libraries have all of these
    classes, the worst in them counts; if there is one such library, and one file of it defines the root, that in the
    file. Otherwise the worst of all namesakes counts. A class that no library has may own parameters.
    """
    table = _read_table()
    libraries = set.intersection(*(set(_libraries(table, name)) for name in names)) if names else set()
    root_files = [key for key in table.get(root, ()) if "/" in key and key.partition("/")[0] in libraries]
    file = root_files[0] if len(root_files) == len(libraries) == 1 else ""
    return {name: _worst(table.get(name, {}), libraries, file) for name in names}


def _libraries(table: Mapping[str, Mapping[str, Ownership]], name: str) -> list[str]:
    return [key for key in table.get(name, ()) if "/" not in key]


def _worst(row: Mapping[str, Ownership], libraries: Collection[str], file: str) -> Ownership:
    if file in row:
        return _without_alias(row[file])
    candidates = (ownership for key, ownership in row.items() if (key in libraries if libraries else "/" not in key))
    return max(map(_without_alias, candidates), key=_WORST_LAST.index, default="parameters")


def _without_alias(ownership: Ownership) -> Ownership:
    """Return "parameters" for a class that prints like one of torch, since this text did not print it so."""
    return ownership if ownership in _WORST_LAST else "parameters"
