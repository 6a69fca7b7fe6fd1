"""Where results are kept between runs, when they are stale, and the data that the service reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from difflib import unified_diff
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers.models.auto.configuration_auto import model_type_to_module_name

from tools.blueprints.compiler import ONLY_DEFAULTS, Result, compile_type
from tools.blueprints.framework import VERSION, base_classes, config_class
from tools.blueprints.records import equal_to

Record = dict[str, Any]
Files = dict[str, str]

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


def data_of(results: Iterable[Result], fingerprints: Mapping[str, str], cache: Cache) -> Files:
    """The files of the data, by name."""
    families: dict[str, dict[str, Any]] = {}
    classes: dict[str, list[str]] = {}
    refused: dict[str, str] = {}
    for result in sorted(results, key=lambda one: (one.model_type, one.name)):
        if result.record is None or result.shared is None:
            refused[result.name] = result.reason
            continue
        classes.setdefault(result.name, []).append(result.model_type)
        family = families.setdefault(result.model_type, {"defaults": {}, "parts": {}, "aliases": {}, "classes": {}})
        for part in ("defaults", "parts", "aliases"):
            family[part] = _joined(family[part], result.shared[part])
        if "auto" in result.shared and result.shared["parts"]:
            family |= {name: result.shared[name] for name in ("auto", "flat")}
        fixed = {"fixed": True} if result.narrow == ONLY_DEFAULTS else {}
        within = cache.within(result.model_type, result.name)
        family["classes"][result.name] = result.record | fixed | ({"within": within} if within else {})
    for family in families.values():
        for record in family["classes"].values():
            if record.get("fixed"):
                record["given"] = [_as_known(pin, family["defaults"]) for pin in record["given"]]
    index = {
        "transformers": VERSION,
        "classes": dict(sorted(classes.items())),
        "bases": {kind: name for kind, name in sorted(base_classes().items()) if name in classes or name in refused},
        "refused": {name: reason for name, reason in sorted(refused.items()) if name not in classes},
        "fingerprints": {kind: fingerprints[kind] for kind in sorted(families)},
    }
    files = {f"{kind}.json": _text(family) for kind, family in families.items()}
    return files | {"index.json": _text(index)}


def _joined(one: Record, other: Record) -> Record:
    """What two classes of one config know of its fields: null is no more than that nobody asked."""
    return other | {path: value for path, value in one.items() if value is not None or path not in other}


def _as_known(pin: str, defaults: Record) -> str:
    """A pin of a class that saw its defaults only: to be null, where another class knows the default, is to be that."""
    path = pin.removesuffix(" is None")
    return pin if path == pin or defaults.get(path) is None else equal_to(path, defaults[path])


def _text(found: Any) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def write(folder: Path, files: Files, everything: bool) -> list[str]:
    """Bring the data up to date; returns how it changed. With `everything`, files of no known type go away."""
    folder.mkdir(parents=True, exist_ok=True)
    changes: list[str] = []
    before = {file.name: file.read_text() for file in sorted(folder.glob("*.json"))}
    for name in sorted(before.keys() | files.keys()):
        if name not in files and not everything:
            continue
        old, new = before.get(name, ""), files.get(name, "")
        if old == new:
            continue
        changes += unified_diff(old.splitlines(), new.splitlines(), name, name, lineterm="", n=0)
        if new:
            (folder / name).write_text(new)
        else:
            (folder / name).unlink()
    return changes
