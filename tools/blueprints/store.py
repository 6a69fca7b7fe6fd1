"""The results of the compiler between runs, when they are stale, and the data that they make."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from transformers.models.auto.configuration_auto import model_type_to_module_name

from tools.blueprints.compiler import compile_type
from tools.blueprints.files import (
    INDEX,
    Families,
    Record,
    find_releases,
    index_classes,
    index_limits,
    read_families,
    read_index,
    read_learned,
    write,
)
from tools.blueprints.framework import VERSION, base_classes, config_class, pairs, unreachable_classes
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.overrides.changes import StaleOverride, apply
from tools.blueprints.overrides.proving import disprove
from tools.blueprints.results import MEMBERS, Result, knows_less, renew
from tools.blueprints.workers import Pair

COMPILER = 5
"""Raised when a change of the compiler changes what it makes."""


def fingerprint(model_type: str, compiler: int = COMPILER) -> str:
    """The hash of the modelling and configuration files that a config's classes are in, parts included."""
    digest = hashlib.sha256(f"{VERSION} {compiler}".encode())
    for kind in sorted({model_type, *_parts(config_class(model_type), 3)}):
        spec = find_spec(f"transformers.models.{model_type_to_module_name(kind)}")
        folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
        for file in sorted(folder.glob("*.py")) if folder else ():
            if file.name.startswith(("modeling_", "configuration_")):
                digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _parts(cls: Any, depth: int) -> Iterator[str]:
    for spec in (getattr(cls, "sub_configs_defaults", None) or {}).values():
        if spec.model_type and depth:
            yield spec.model_type
            yield from _parts(config_class(spec.model_type), depth - 1) if _known(spec.model_type) else ()


def _known(model_type: str) -> bool:
    try:
        return config_class(model_type) is not None
    except KeyError:
        return False


class Cache:
    """One file a class, with the fingerprint that it holds for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._fingerprints: dict[str, str] = {}

    def get(self, model_type: str, name: str) -> Result | None:
        """The result of a class, if it is there and not stale."""
        file = self._file(model_type, name)
        if not file.exists():
            return None
        stored = json.loads(file.read_text())
        if stored.pop("fingerprint") != self.fingerprint(model_type):
            return None
        return Result(**stored)

    def put(self, result: Result) -> None:
        """Keep a result, unless a better one is there."""
        before = self.get(result.model_type, result.name)
        if before is None or before.rank <= result.rank:
            self.replace(result)

    def replace(self, result: Result) -> None:
        """Keep a result, even where a better one is there."""
        stored = asdict(result) | {"fingerprint": self.fingerprint(result.model_type)}
        self._file(result.model_type, result.name).write_text(json.dumps(stored))

    def get_member(self, model_type: str, name: str, member: str) -> Any:
        """A member of a class's record that is found apart (MEMBERS); None if it was not looked for, or is stale."""
        file = self._file(model_type, f"{name}.{member}")
        if not file.exists():
            return None
        stored: Record = json.loads(file.read_text())
        return stored[member] if stored["fingerprint"] == self.fingerprint(model_type) else None

    def put_member(self, model_type: str, name: str, member: str, content: Any) -> None:
        stored = {member: content, "fingerprint": self.fingerprint(model_type)}
        self._file(model_type, f"{name}.{member}").write_text(json.dumps(stored))

    def fingerprint(self, model_type: str) -> str:
        if model_type not in self._fingerprints:
            self._fingerprints[model_type] = fingerprint(model_type)
        return self._fingerprints[model_type]

    def _file(self, model_type: str, name: str) -> Path:
        return self.folder / f"{model_type}.{name}.json"


def compile_into(model_type: str, names: list[str], cache: Cache, seconds: float) -> list[str]:
    """Compile the classes of one config; says of each what came of it."""
    lines = []
    if not seconds:
        names = [name for name in names if cache.get(model_type, name) is None]
    for result in compile_type(model_type, names, seconds):
        cache.put(result)
        lines.append(_describe(result))
    return lines


def _describe(result: Result) -> str:
    outcome = "refused: " + result.reason if result.record is None else result.narrow or "exact"
    return f"{result.model_type} {result.name}: {outcome} ({result.seconds} s, {result.builds} builds)"


def assemble(results: Iterable[Result], learned: Families, index: Record, cache: Cache) -> Families:
    """Return every family as it was learned: results take the place of what was learned of their classes before."""
    by_kind: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda one: (one.model_type, one.name)):
        by_kind.setdefault(result.model_type, []).append(result)
    renewed = {
        kind: renew(learned.get(kind, {}), of_kind, keep_members=_is_unchanged(kind, index))
        for kind, of_kind in by_kind.items()
    }
    families = learned | renewed
    return _with_known_classes(families, cache)


def _with_known_classes(families: Families, cache: Cache) -> Families:
    """Leave out classes that transformers no longer has; put in what was found of the others apart."""
    known = set(pairs())
    known_families: Families = {}
    for kind, family in sorted(families.items()):
        classes = {name: record for name, record in family["classes"].items() if (kind, name) in known}
        for name, record in classes.items():
            looked_for = {member: cache.get_member(kind, name, member) for member in MEMBERS}
            rest = {member: value for member, value in record.items() if looked_for.get(member) is None}
            classes[name] = rest | {member: content for member, content in looked_for.items() if content}
        if classes:
            known_families[kind] = family | {"classes": classes}
    return known_families


def _keeps(result: Result, learned: Families, index: Record, carried: Collection[Pair]) -> bool:
    """Return whether what was learned before stays, of the same sources or of others that it agrees with: it takes more
    configs than the new result."""
    before = learned.get(result.model_type, {}).get("classes", {}).get(result.name)
    if before is None or not knows_less(result, before):
        return False
    return (result.model_type, result.name) in carried or _is_unchanged(result.model_type, index)


def _is_unchanged(model_type: str, index: Record) -> bool:
    """Return whether the shipped data was made of these sources of transformers, by this compiler or an earlier one."""
    made_of = index["fingerprints"].get(model_type)
    return made_of in {fingerprint(model_type, compiler) for compiler in range(1, COMPILER + 1)}


class Written(NamedTuple):
    """The changes of the data, and the classes that were not written."""

    changes: list[str]
    kept: list[str]
    """Classes of which more was learned before, of the same sources: a compile has only so much time."""
    stale: dict[str, str]
    """Model types whose override no longer fits what was learned, or fails a proof, and how: they ship as before."""


def write_results(
    results: Iterable[Result],
    cache: Cache,
    data: Path,
    learned: Path = LEARNED,
    carried: Collection[Pair] = (),
    wrong: Collection[Pair] = (),
) -> Written:
    """Bring the data up to date with results, and what was learned beside the overrides.

    `carried`: the classes whose records the release that is installed agreed with; `wrong`: those that the gate found
    to be wrong, whose records do not stay.
    """
    index, before = read_index(data), read_learned(data, learned)
    kept: list[Result] = []
    better: list[Result] = []
    stale: dict[str, str] = {}
    for result in results:
        stays = (result.model_type, result.name) not in wrong and _keeps(result, before, index, carried)
        (kept if stays else better).append(result)
    families = assemble(better, before, index, cache)
    shipped = families | {kind: family for kind, family in read_families(data).items() if kind in OVERRIDES}
    for kind in sorted(OVERRIDES.keys() & (families.keys() | before.keys())):
        if why := _correct(kind, families, shipped):
            stale[kind] = why
            families[kind] = before[kind]
    changes = write(learned, {kind: family for kind, family in families.items() if kind in OVERRIDES})
    written = [result for result in better if result.model_type not in stale]
    known = {*carried, *((result.model_type, result.name) for result in written)}
    renewed = {kind for kind, family in shipped.items() if all((kind, name) in known for name in family["classes"])}
    changes += write(data, shipped | {INDEX: _index(written, shipped, index, cache, renewed)})
    return Written(changes, [f"{result.model_type} {result.name}" for result in kept], stale)


def _correct(kind: str, learned: Families, shipped: Families) -> str:
    """Put the corrected family where it ships; return why that cannot be, or ''."""
    if kind not in learned:
        return "the compiler learned none of its classes"
    try:
        family = apply(OVERRIDES[kind], learned[kind])
    except StaleOverride as error:
        return str(error)
    if family == shipped[kind]:
        return ""
    if failures := disprove(kind, family):
        return "; ".join(f"{name}: {why}" for name, why in failures.items())
    shipped[kind] = family
    return ""


def _index(results: list[Result], shipped: Families, before: Record, cache: Cache, renewed: set[str]) -> Record:
    """Return the index: classes with their model types, base classes, what could not be compiled, fingerprints.

    `renewed`: the model types whose records are of the release that is installed, or were held against it.
    """
    classes = index_classes(shipped)
    unreachable = unreachable_classes()
    refused = {one: "it was not compiled" for _, one in pairs()}
    refused |= {name: reason for name, reason in before["refused"].items() if name in refused or name in unreachable}
    refused |= unreachable
    refused |= {result.name: result.reason for result in results if result.record is None}
    return {
        **find_releases(shipped, before, renewed, VERSION),
        **({"older": before["older"]} if "older" in before else {}),
        "classes": classes,
        "limits": index_limits(shipped),
        "bases": {kind: name for kind, name in sorted(base_classes().items()) if name in classes or name in refused},
        "refused": {name: reason for name, reason in sorted(refused.items()) if name not in classes},
        "fingerprints": {
            kind: cache.fingerprint(kind) if kind in renewed else before["fingerprints"][kind]
            for kind in sorted(shipped)
        },
    }
