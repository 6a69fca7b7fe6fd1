"""Records of an older release, kept beside those of classes that are built otherwise today: configs may be of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tools.blueprints.files import INDEX, Record, read_families, read_index, to_text
from tools.blueprints.library import LIBRARY

OLDER = "older"


def keep_older(data: Path, differing: Iterable[tuple[str, str]], version: str) -> None:
    """Copy the records of classes that differ today to those of the release that they were last held against.

    `version` is today's: a record of its own that differs is wrong, not old.
    """
    index, families = read_index(data), read_families(data)
    older: dict[str, dict[str, list[str]]] = index.get(OLDER, {})
    for kind, name in differing:
        release: str = index.get("held", {}).get(kind, index[LIBRARY])
        if release == version:
            continue
        file = data / OLDER / release / f"{kind}.json"
        known: Record = json.loads(file.read_text())["classes"] if file.exists() else {}
        classes = dict(sorted((known | {name: families[kind]["classes"][name]}).items()))
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(to_text(families[kind] | {"classes": classes}))
        releases = older.setdefault(kind, {}).setdefault(name, [])
        if release not in releases:
            releases.append(release)
    if older:
        ordered = {kind: dict(sorted(of_kind.items())) for kind, of_kind in sorted(older.items())}
        (data / f"{INDEX}.json").write_text(to_text({LIBRARY: index[LIBRARY], **index, OLDER: ordered}))
