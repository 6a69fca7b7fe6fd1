"""The results of the compiler between runs, when they are stale, and the data that is made of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

from transformers.models.auto.configuration_auto import model_type_to_module_name

from tools.blueprints.clauses import equal_to
from tools.blueprints.compiler import ONLY_DEFAULTS, Result, compile_type
from tools.blueprints.files import (
    INDEX,
    Families,
    Record,
    index_classes,
    read_families,
    read_index,
    read_learned,
    write,
)
from tools.blueprints.framework import VERSION, base_classes, config_class, pairs
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.overrides.changes import StaleOverride, apply
from tools.blueprints.overrides.proving import disprove

COMPILER = 4
"""Raised when a change of the compiler changes what it makes."""


def fingerprint(model_type: str) -> str:
    """The hash of the modelling and configuration files that a config's classes are in, parts included."""
    found = hashlib.sha256(f"{VERSION} {COMPILER}".encode())
    for kind in sorted({model_type, *_parts(config_class(model_type), 3)}):
        spec = find_spec(f"transformers.models.{model_type_to_module_name(kind)}")
        folder = Path(spec.submodule_search_locations[0]) if spec and spec.submodule_search_locations else None
        for file in sorted(folder.glob("*.py")) if folder else ():
            if file.name.startswith(("modeling_", "configuration_")):
                found.update(file.read_bytes())
    return found.hexdigest()[:16]


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
        found = json.loads(file.read_text())
        if found.pop("fingerprint") != self.fingerprint(model_type):
            return None
        return Result(**found)

    def put(self, result: Result) -> None:
        """Keep a result, unless a better one is there."""
        before = self.get(result.model_type, result.name)
        if before is not None and before.rank > result.rank:
            return
        found = asdict(result) | {"fingerprint": self.fingerprint(result.model_type)}
        self._file(result.model_type, result.name).write_text(json.dumps(found))

    def within(self, model_type: str, name: str) -> Record | None:
        """The configs inside that a class builds other models of, if that was looked into and is not stale."""
        file = self._file(model_type, f"{name}.within")
        if not file.exists():
            return None
        found: Record = json.loads(file.read_text())
        return found["within"] if found["fingerprint"] == self.fingerprint(model_type) else None

    def put_within(self, model_type: str, name: str, found: Record) -> None:
        said = {"within": found, "fingerprint": self.fingerprint(model_type)}
        self._file(model_type, f"{name}.within").write_text(json.dumps(said))

    def fingerprint(self, model_type: str) -> str:
        if model_type not in self._fingerprints:
            self._fingerprints[model_type] = fingerprint(model_type)
        return self._fingerprints[model_type]

    def _file(self, model_type: str, name: str) -> Path:
        return self.folder / f"{model_type}.{name}.json"


def compile_into(cache: Cache, model_type: str, names: list[str], seconds: float) -> list[str]:
    """Compile the classes of one config; says of each what came of it."""
    said = []
    if not seconds:
        names = [name for name in names if cache.get(model_type, name) is None]
    for result in compile_type(model_type, names, seconds):
        cache.put(result)
        said.append(_said(result))
    return said


def _said(result: Result) -> str:
    outcome = "refused: " + result.reason if result.record is None else result.narrow or "exact"
    return f"{result.model_type} {result.name}: {outcome} ({result.seconds} s, {result.builds} builds)"


def assemble(results: Iterable[Result], learned: Families, index: Record, cache: Cache) -> Families:
    """Return every family as it was learned: results take the place of what was learned of their classes before."""
    by_kind: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda one: (one.model_type, one.name)):
        by_kind.setdefault(result.model_type, []).append(result)
    found = dict(learned)
    for kind, of_kind in by_kind.items():
        same_sources = index["fingerprints"].get(kind) == cache.fingerprint(kind)
        family = _renew(learned.get(kind, {}), of_kind, same_sources=same_sources)
        found.pop(kind, None)
        if family["classes"]:
            found[kind] = family
    return _with_known_classes(found, cache)


def _with_known_classes(families: Families, cache: Cache) -> Families:
    """Leave out classes that transformers no longer has; put in which models their configs inside may be of."""
    known = set(pairs())
    found: Families = {}
    for kind, family in sorted(families.items()):
        classes = {name: record for name, record in family["classes"].items() if (kind, name) in known}
        for name, record in classes.items():
            within = cache.within(kind, name)
            if within is not None:
                rest = {member: value for member, value in record.items() if member != "within"}
                classes[name] = rest | ({"within": within} if within else {})
        if classes:
            found[kind] = family | {"classes": classes}
    return found


def _renew(before: Record, results: list[Result], *, same_sources: bool) -> Record:
    """Return a family with new results; its classes that have none stay as they were.

    What was learned of the same sources before stays, too, where the new result knows less: a compile has only so much
    time, and chance in what it draws.
    """
    old: dict[str, Record] = before.get("classes", {})
    better = [one for one in results if not (same_sources and one.name in old and _knows_less(one, old[one.name]))]
    kept = old.keys() - {result.name for result in better}
    family: Record = dict(before) if kept else {"defaults": {}, "parts": {}, "aliases": {}, "classes": {}}
    classes = {name: old[name] for name in kept}
    for result in better:
        if result.record is None or result.shared is None:
            continue
        for part in ("defaults", "parts", "aliases"):
            family[part] = _joined(family[part], result.shared[part])
        if "auto" in result.shared and result.shared["parts"]:
            family |= {name: result.shared[name] for name in ("auto", "flat")}
        fixed = {"fixed": True} if result.narrow == ONLY_DEFAULTS else {}
        within = old.get(result.name, {}).get("within") if same_sources else None
        classes[result.name] = result.record | fixed | ({"within": within} if within else {})
    for record in classes.values():
        if record.get("fixed"):
            record["given"] = [_as_known(pin, family["defaults"]) for pin in record["given"]]
    return family | {"classes": dict(sorted(classes.items()))}


def _knows_less(result: Result, before: Record) -> bool:
    """Whether a record that is there takes more configs: it is of more than the defaults, or assumes less."""
    if result.record is None:
        return True
    fixed = result.narrow == ONLY_DEFAULTS
    if fixed != before.get("fixed", False):
        return fixed
    return len(result.record["given"]) > len(before["given"])


class Written(NamedTuple):
    """How the data changed, and what could not be written."""

    changes: list[str]
    stale: list[str]
    """Model types whose override no longer fits what was learned, or fails a proof: they ship as before."""


def write_results(results: list[Result], cache: Cache, data: Path, learned: Path = LEARNED) -> Written:
    """Bring the data up to date with results, and what was learned beside the overrides."""
    index, before, stale = read_index(data), read_learned(data, learned), []
    families = assemble(results, before, index, cache)
    shipped = families | {kind: family for kind, family in read_families(data).items() if kind in OVERRIDES}
    for kind in sorted({result.model_type for result in results} & OVERRIDES.keys()):
        if why := _correct(kind, families, shipped):
            stale.append(f"{kind}: {why}")
            families[kind] = before[kind]
    changes = write(learned, {kind: family for kind, family in families.items() if kind in OVERRIDES})
    return Written(changes + write(data, shipped | {INDEX: _index(results, shipped, index, cache)}), stale)


def _correct(kind: str, learned: Families, shipped: Families) -> str:
    """Put the corrected family where it ships; return why that cannot be, or ''."""
    if kind not in learned:
        return "the compiler learned none of its classes"
    try:
        family = apply(OVERRIDES[kind], learned[kind])
    except StaleOverride as error:
        return str(error)
    if failures := disprove(kind, family):
        return "; ".join(f"{name}: {why}" for name, why in failures.items())
    shipped[kind] = family
    return ""


def _index(results: Iterable[Result], shipped: Families, before: Record, cache: Cache) -> Record:
    """Return the index: classes with their model types, base classes, what could not be compiled, fingerprints."""
    classes = index_classes(shipped)
    refused = before["refused"] | {result.name: result.reason for result in results if result.record is None}
    renewed = {result.model_type for result in results}
    return {
        "transformers": VERSION,
        "classes": classes,
        "bases": {kind: name for kind, name in sorted(base_classes().items()) if name in classes or name in refused},
        "refused": {name: reason for name, reason in sorted(refused.items()) if name not in classes},
        "fingerprints": {
            kind: cache.fingerprint(kind) if kind in renewed else before["fingerprints"][kind]
            for kind in sorted(shipped)
        },
    }


def _joined(one: Record, other: Record) -> Record:
    """What two classes of one config know of its fields: null is no more than that nobody asked."""
    return other | {path: value for path, value in one.items() if value is not None or path not in other}


def _as_known(pin: str, defaults: Record) -> str:
    """A pin of a class that saw its defaults only: to be null, where another class knows the default, is to be that."""
    path = pin.removesuffix(" is None")
    return pin if path == pin or defaults.get(path) is None else equal_to(path, defaults[path])
