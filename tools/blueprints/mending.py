"""Records that a release changed in a few tensors: what is known of the others stays, and those are learned anew."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from paramcount.formats.huggingface.blueprints import INDEX_PLACEHOLDERS, load_record, parse_blueprint, parse_family
from tools.blueprints import gate
from tools.blueprints.explorer import Explorer
from tools.blueprints.holding import hold
from tools.blueprints.learning import Learned, Learner
from tools.blueprints.library import LIBRARY
from tools.blueprints.raw import payload
from tools.blueprints.records import read_by, tensor_line
from tools.blueprints.results import AGREES, MEMBERS, ONLY_DEFAULTS, Record, Result
from tools.blueprints.store import Cache

_MIN_COUNTED = 12
"""Configs that a mended record must count as they are built, unless it is of the defaults only."""


def mend_into(model_type: str, names: list[str], cache: Cache, seconds: float, seed: int) -> list[str]:
    """Mend the records of classes that differ, and keep those that agree then; says of each whether it does."""
    lines = []
    for name in names:
        try:
            result = mend(model_type, name, seconds, seed)
        except Exception as error:  # noqa: BLE001 - whatever transformers raises
            lines.append(f"{model_type} {name}: cannot be mended ({type(error).__name__}: {error})"[:200])
            continue
        if result is not None:
            cache.put(result)
        lines.append(f"{model_type} {name}: {'cannot be mended' if result is None else 'mended'}")
    return lines


def mend(model_type: str, name: str, seconds: float, seed: int) -> Result | None:
    """Return the record that ships with the lines of today for the tensors that differ by the class's own config.

    None where it does not agree with other configs then. Raises CannotBuild.
    """
    family = dict(load_record(model_type, LIBRARY))
    before: Record = family.pop("classes")[name]
    explorer = Explorer(model_type, name, seconds, seed=seed)
    shipped = parse_blueprint(parse_family(model_type, family), name, before)
    truth = explorer.plain(explorer.start)
    counted = gate.count(shipped, payload(explorer.fields, explorer.start))
    gone = {one for one in counted if counted[one] != truth.get(one)}
    entries = Learner([explorer.first.model], {one for one in truth if counted.get(one) != truth[one]}).learn()
    tensors = _exchange(before["tensors"], gone, counted, entries)
    if tensors is None or not read_by(entries) <= before["fields"].keys():
        return None
    record = {member: content for member, content in before.items() if member not in (*MEMBERS, "fixed")}
    record["tensors"] = tensors
    fixed = {"fixed": True} if before.get("fixed") else {}
    held = hold(gate.blueprint(model_type, name, family, record | fixed), seconds, seed)
    if held.outcome != AGREES or (held.counted < _MIN_COUNTED and not fixed):
        return None
    narrow = ONLY_DEFAULTS if fixed else ""
    return Result(model_type, name, family, record, seconds=held.seconds, verified=held.counted, narrow=narrow)


def _exchange(lines: list[str], gone: set[str], counted: Mapping[str, Any], entries: list[Learned]) -> list[str] | None:
    """Return the lines without those of tensors that are gone, and new ones; None where some of a line's are left."""
    kept = []
    for line in lines:
        pattern = _match_blocks(line.partition(" ")[0])
        those = {one for one in counted if pattern.fullmatch(one)}
        if not those & gone:
            kept.append(line)
        elif not those <= gone:
            return None
    return [*kept, *map(tensor_line, entries)]


def _match_blocks(name: str) -> re.Pattern[str]:
    pattern = re.escape(name)
    for placeholder in INDEX_PLACEHOLDERS:
        pattern = pattern.replace(re.escape(placeholder), r"\d+")
    return re.compile(pattern)
