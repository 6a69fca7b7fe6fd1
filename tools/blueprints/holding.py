"""The comparison of what ships with the release that is installed: whether it builds the same tensors."""

from __future__ import annotations

import hashlib
import json
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from paramcount.formats import huggingface
from paramcount.formats.huggingface.blueprints import Blueprint, load_blueprint, load_record
from tools.blueprints import gate, moves
from tools.blueprints.forms import RAISES, Trial
from tools.blueprints.library import LIBRARY
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.raw import LABELS, RATE, is_part
from tools.blueprints.records import plain_default
from tools.blueprints.results import AGREES, DIFFERS, NOT_BUILT, Held
from tools.blueprints.store import Cache

_CHANGED_SHARE = 0.3
_MAX_DRAWS = 6
_MAX_TENSORS = 12
_WORD = re.compile(r"'([^']*)'")


def hold(shipped: Blueprint, seconds: float, seed: int) -> Held:
    """Hold a shipped class against the release that is installed, for about so many seconds of this process."""
    started = time.process_time()
    held = Held(shipped.family.model_type, shipped.name, budget=seconds)
    try:
        _hold(shipped, held, started + seconds, random.Random(f"{seed} {shipped.name}"))
    except Exception as error:  # noqa: BLE001 - whatever transformers raises
        held.outcome, held.why = NOT_BUILT, f"{type(error).__name__}: {error}".splitlines()[0][:200]
    held.seconds = round(time.process_time() - started, 1)
    return held


def _hold(shipped: Blueprint, held: Held, until: float, chance: random.Random) -> None:
    trial = Trial(shipped, shallow=False)
    config, truth = trial.build_default()
    held.why = trial.ask_default(config, truth)
    if held.why:
        held.outcome = DIFFERS
        held.tensors = _list_differing(shipped, config, truth)
        return
    held.counted = 2
    if shipped.defaults_only or time.process_time() > until:
        return
    trial.go_shallow()
    for changes in (*_restate_defaults(shipped, trial), *_draw(shipped, trial, chance)):
        if time.process_time() > until:
            return
        why = trial.ask(changes) if changes is not None else ""
        if gate.is_wrong(why) and RAISES not in why:
            held.outcome, held.why = DIFFERS, f"of {_shorten(changes)} {why}"
            return
        held.counted, held.refused = held.counted + (not why), held.refused + why.startswith(gate.REFUSED)


def _shorten(changes: Mapping[str, Any]) -> str:
    return ", ".join(f"{path} {value!r}"[:80] for path, value in changes.items())


def _list_differing(shipped: Blueprint, config: dict[str, Any], truth: Mapping[str, BuiltTensor]) -> list[str]:
    """The tensors that differ, each with its shape then and now; those of many blocks are one."""
    try:
        counted = gate.count(shipped, config)
    except Exception:  # noqa: BLE001 - it is refused, and there is nothing to list
        return []
    lines: dict[str, None] = {}
    for name in sorted(truth.keys() | counted.keys()):
        then, now = counted.get(name), truth.get(name)
        if then != now:
            lines[f"{re.sub(r'[0-9]+', '{i}', name)}: {_describe(then)} -> {_describe(now)}"] = None
    more = [f"and {len(lines) - _MAX_TENSORS} more"] if len(lines) > _MAX_TENSORS else []
    return [*list(lines)[:_MAX_TENSORS], *more]


def _describe(tensor: BuiltTensor | None) -> str:
    if tensor is None:
        return "none"
    marks = (f"tied to {tensor.tied}" if tensor.tied else "", "frozen" if tensor.frozen else "", tensor.buffer)
    return " ".join(filter(None, (str(list(tensor.shape)), *marks)))


def _restate_defaults(shipped: Blueprint, trial: Trial) -> Iterator[dict[str, Any]]:
    """Yield changes of the fields that the record does not know, which may size something today, and of those whose
    default was another: what a config leaves out is what it was."""
    known = shipped.family.defaults
    for path, default in trial.fields.defaults.items():
        if RATE.search(path) or is_part(default) or path.endswith(LABELS) or path in trial.fields.opaque:
            continue
        if path not in known:
            annotation = trial.fields.annotations.get(path, "")
            yield from ({path: other} for other in moves.others(path, default, annotation, random.Random(0))[:3])
        elif path in shipped.fields and known[path] != plain_default(default):
            yield {path: plain_default(default)}


def _draw(shipped: Blueprint, trial: Trial, chance: random.Random) -> Iterator[dict[str, Any]]:
    """Yield a change of each field that the count depends on, then some of several at once."""
    options = {path: values for path in shipped.fields if (values := _other_values(shipped, trial, path, chance))}
    paths = sorted(options)
    chance.shuffle(paths)
    yield from ({path: options[path][0]} for path in paths)
    for _ in range(_MAX_DRAWS):
        yield {path: chance.choice(options[path]) for path in paths if chance.random() < _CHANGED_SHARE}


def _other_values(shipped: Blueprint, trial: Trial, path: str, chance: random.Random) -> list[Any]:
    if path not in trial.fields.defaults or path.endswith(LABELS) or path in trial.fields.opaque:
        return []
    current = trial.start.get(path, trial.fields.defaults[path])
    if is_part(current):
        return []
    annotation = trial.fields.annotations.get(path, "")
    return moves.others(path, current, annotation, chance, _words(shipped, path) if isinstance(current, str) else ())


def _words(shipped: Blueprint, path: str) -> list[str]:
    """The words that the record compares a field with."""
    guards = [*(rule.guard for rule in shipped.rules), *(entry.guard for entry in shipped.entries)]
    texts = [one.text for one in (*guards, *shipped.derived_assumptions)]
    return sorted({word for text in texts if path in text for word in _WORD.findall(text)})


MEMBER = "held"


def read_held(cache: Cache, model_type: str, name: str, seconds: float) -> Held | None:
    """The result of a class that was held already for as long; None where its record is another by now."""
    stored = cache.get_member(model_type, name, MEMBER)
    if stored is None or stored.pop("of") != hash_record(model_type, name):
        return None
    held = Held(**stored)
    return held if held.outcome != AGREES or held.budget >= seconds else None


def hold_into(model_type: str, names: list[str], cache: Cache, seconds: float, seed: int) -> list[str]:
    """Hold the classes of one config, and keep the results; says of each that does not agree how it differs."""
    lines = []
    for name in names:
        held = hold(load_blueprint(model_type, name, LIBRARY), seconds, seed)
        cache.put_member(model_type, name, MEMBER, asdict(held) | {"of": hash_record(model_type, name)})
        lines.append("" if held.outcome == AGREES else str(held))
    return lines


def hash_record(model_type: str, name: str) -> str:
    """The hash of the record of a class, of what it shares with others, and of the code that reads it."""
    family = load_record(model_type, LIBRARY)
    record = {**family, "classes": family["classes"][name]}
    return hashlib.sha256(json.dumps([record, _hash_reader()], sort_keys=True).encode()).hexdigest()[:16]


@cache
def _hash_reader() -> str:
    digest = hashlib.sha256()
    for file in sorted(Path(huggingface.__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
