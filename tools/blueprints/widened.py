"""The classes whose records have pins, and what is known of them once their pins were taken away."""

from __future__ import annotations

import hashlib
import json
import time

from tools.blueprints.files import read_learned
from tools.blueprints.library import DATA
from tools.blueprints.lines import read_membership, read_pin
from tools.blueprints.results import Result
from tools.blueprints.store import Cache
from tools.blueprints.widening import Record, Widening

MEMBER = "widened"


def widen_class(model_type: str, name: str, family: Record, seconds: float) -> tuple[Result | None, list[str]]:
    """The result for a class whose record had pins, and the fields that are free now; None where there are none."""
    started = time.process_time()
    widening = Widening(model_type, name, family, seconds)
    free = widening.widen()
    if not free:
        return None, []
    pins = sorted(pin.path for clause in widening.record["given"] if (pin := read_pin(clause)) is not None)
    shared = {key: value for key, value in family.items() if key != "classes"}
    narrow = f"only the default of {', '.join(pins)}" if pins else ""
    spent = round(time.process_time() - started, 1)
    return Result(model_type, name, shared, widening.record, "", spent, narrow=narrow, pinned=pins), free


def widen_into(model_type: str, names: list[str], cache: Cache, seconds: float) -> list[str]:
    """Widen the classes of one config, and keep the results in the cache; says of each which fields are free now."""
    lines = []
    for name in names:
        family = read_learned(DATA)[model_type]
        records = [family["classes"][name]]
        if _is_widened(records[0], cache.get_member(model_type, name, MEMBER), seconds):
            lines.append("")
            continue
        try:
            result, free = widen_class(model_type, name, family, seconds)
        except Exception as error:  # noqa: BLE001 - one class must not stop the others
            lines.append(f"{model_type} {name}: {type(error).__name__}: {error}"[:300])
            continue
        if result is not None and result.record is not None:
            cache.replace(result)
            records.append(result.record)
        content = {"of": list(map(_hash, records)), "seconds": seconds}
        cache.put_member(model_type, name, MEMBER, content)
        lines.append(f"{model_type} {name}: {len(free)} fields are free now: {', '.join(free)}")
    return lines


def _is_widened(record: Record, stored: Record | None, seconds: float) -> bool:
    """Return whether a record was widened in as much time already, or came of that."""
    return stored is not None and _hash(record) in stored["of"] and stored["seconds"] >= seconds


def _hash(record: Record) -> str:
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()[:16]


def list_pinned() -> list[tuple[str, str]]:
    """The classes whose learned records have pins."""
    return [
        (model_type, name)
        for model_type, family in read_learned(DATA).items()
        for name, record in family["classes"].items()
        if any(read_pin(clause) or read_membership(clause) for clause in record["given"])
    ]
