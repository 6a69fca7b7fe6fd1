"""The data files as families: read, joined with new results, corrected by the overrides, written."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from difflib import unified_diff
from pathlib import Path
from typing import Any

from tools.blueprints.library import LIBRARY
from tools.blueprints.lines import read_membership, read_pin
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.overrides.changes import apply

Record = dict[str, Any]
Families = dict[str, Record]
"""The facts that a config class's classes share, and the record of each, by model type."""

INDEX = "index"


def to_text(content: Any) -> str:
    """Return a data file's text."""
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_families(folder: Path) -> Families:
    """Return every family of a folder."""
    return {file.stem: json.loads(file.read_text()) for file in sorted(folder.glob("*.json")) if file.stem != INDEX}


def read_index(folder: Path) -> Record:
    """Return the index of a folder; an empty one where there is none."""
    file = folder / f"{INDEX}.json"
    empty: Record = {"classes": {}, "bases": {}, "refused": {}, "fingerprints": {}}
    return json.loads(file.read_text()) if file.exists() else empty


def read_learned(data: Path, learned: Path = LEARNED) -> Families:
    """Return every family as the compiler learned it: of those with an override, the record beside the override."""
    return read_families(data) | read_families(learned)


def correct(families: Mapping[str, Record]) -> Families:
    """Return the families that ship, of those that were learned. Raises StaleOverride."""
    return {kind: apply(OVERRIDES[kind], family) if kind in OVERRIDES else family for kind, family in families.items()}


def index_classes(families: Mapping[str, Record]) -> dict[str, list[str]]:
    """Return the model types of each class."""
    model_types: dict[str, list[str]] = {}
    for kind in sorted(families):
        for name in families[kind]["classes"]:
            model_types.setdefault(name, []).append(kind)
    return dict(sorted(model_types.items()))


def index_limits(families: Mapping[str, Record]) -> dict[str, str]:
    """Return the classes that do not take any config: "pinned" or "defaults", of the model type that takes the most."""
    limits: dict[str, list[str]] = {}
    for family in families.values():
        for name, record in family["classes"].items():
            limits.setdefault(name, []).append(_find_limit(record))
    least = {name: min(each, key=_LIMITS.index) for name, each in sorted(limits.items())}
    return {name: limit for name, limit in least.items() if limit}


_DIGEST = re.compile(r"digest\((?P<path>[\w.]+)\)")
_LIMITS = "", "pinned", "defaults"


def _find_limit(record: Record) -> str:
    """Return what limits a record: that only its defaults are known, or that a field must have one value."""
    if record.get("fixed"):
        return "defaults"
    return "pinned" if any(_is_limit(clause, record.get("within", {})) for clause in record["given"]) else ""


def _is_limit(clause: str, slots: Mapping[str, Any]) -> bool:
    """Return whether a clause leaves a field, a list or a config inside one value; that of a slot is replaced."""
    if digest := _DIGEST.search(clause):
        return digest["path"] not in slots
    return bool(read_pin(clause) or read_membership(clause))


def find_releases(kinds: Iterable[str], before: Record, renewed: Collection[str], version: str) -> Record:
    """Return the release that records were last held against, and by model type another where it is another.

    It is `version`, which is installed, once all were compiled of it, or held against it: those of `renewed` were now.
    """
    known = before.get(LIBRARY, version)
    held = {kind: version if kind in renewed else before.get("held", {}).get(kind, known) for kind in sorted(kinds)}
    common = version if set(held.values()) == {version} else known
    others = {kind: release for kind, release in held.items() if release != common}
    return {LIBRARY: common, **({"held": others} if others else {})}


def renew_pins(tools: Path, library: str, version: str) -> None:
    """Name the release of a library in every requirements.txt that pins it: what ships is of that one."""
    for file in tools.glob("*/requirements.txt"):
        text = file.read_text()
        renewed = re.sub(rf"^{library}==\S+", f"{library}=={version}", text, flags=re.MULTILINE)
        if renewed != text:
            file.write_text(renewed)


def write(folder: Path, contents: Mapping[str, Any]) -> list[str]:
    """Bring a folder up to date, and return how its lines changed. Files that have no content any more go away."""
    folder.mkdir(parents=True, exist_ok=True)
    before = {file.stem: file.read_text() for file in sorted(folder.glob("*.json"))}
    changes: list[str] = []
    for stem in sorted(before.keys() | contents.keys()):
        old, new = before.get(stem, ""), to_text(contents[stem]) if stem in contents else ""
        if old == new:
            continue
        changes += unified_diff(old.splitlines(), new.splitlines(), stem, stem, lineterm="", n=0)
        if new:
            (folder / f"{stem}.json").write_text(new)
        else:
            (folder / f"{stem}.json").unlink()
    return changes
