"""What the source of libraries proves of their classes: which own nothing, which are torch's own under another name."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from importlib.resources import files

Verdict = str
"""nothing, buffers, ties (its tensors may be another's), parameters, or "as Linear": what torch's class owns."""

_TABLE = "classes.txt"
_BADNESS = ("nothing", "buffers", "ties", "parameters")


@cache
def _classes() -> Mapping[str, Mapping[str, Verdict]]:
    """Every class of the table: library -> verdict."""
    found: dict[str, dict[str, Verdict]] = {}
    library = verdict = ""
    for line in (files(__package__) / _TABLE).read_text().splitlines():
        if line.startswith("# "):
            library, verdict = line[2:].split(": ")
            continue
        for name in line.split():
            found.setdefault(name, {})[library] = verdict
    return found


def alias(name: str) -> str:
    """The class of torch.nn that a library's class owns the same as, and prints the same as; "" where there is none."""
    verdicts = {verdict for verdict in _classes().get(name, {}).values() if verdict.startswith("as ")}
    return verdicts.pop()[3:] if len(verdicts) == 1 else ""


def verdicts(names: Collection[str], root: str) -> Mapping[str, Verdict]:
    """What each of the classes in one text owns beside what it prints.

    Classes of one name differ between libraries, and between a library's files: a library that has all of these is
    the one that is meant, in it the file that defines the root, and else the worst of all namesakes counts. A class
    that no library has may own parameters.
    """
    table = _classes()
    homes = set.intersection(*(set(_libraries(table, name)) for name in names)) if names else set()
    files = [place for place in table.get(root, ()) if "/" in place and place.partition("/")[0] in homes]
    file = files[0] if len(files) == len(homes) == 1 else ""
    return {name: _worst(table.get(name, {}), homes, file) for name in names}


def _libraries(table: Mapping[str, Mapping[str, Verdict]], name: str) -> list[str]:
    return [place for place in table.get(name, ()) if "/" not in place]


def _worst(found: Mapping[str, Verdict], homes: Collection[str], file: str) -> Verdict:
    if file in found:
        return _plain(found[file])
    meant = (verdict for place, verdict in found.items() if (place in homes if homes else "/" not in place))
    return max(map(_plain, meant), key=_BADNESS.index, default="parameters")


def _plain(verdict: Verdict) -> Verdict:
    """A class that should print what torch's own does, and did not, is another."""
    return verdict if verdict in _BADNESS else "parameters"
