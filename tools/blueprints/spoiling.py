"""python -m tools.blueprints.spoiling: spoil a formula in each of some records, and see whether the gate finds it.

A gate that finds nothing passes everything. Each record is spoilt in one line: a size, a number of blocks, a condition,
a tie, or a tensor that is missing.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from paramcount.formats.huggingface.blueprints import TRUE, Blueprint, Entry, load_blueprint
from paramcount.formats.huggingface.expressions import Expression, parse
from paramcount.model.errors import ArchitectureError, Problems
from tools.blueprints import gate
from tools.blueprints.checking import sample
from tools.blueprints.holding import hold
from tools.blueprints.library import LIBRARY
from tools.blueprints.phases import BuiltTensor
from tools.blueprints.results import AGREES
from tools.blueprints.seeds import SEEDS


def _enlarge(size: Expression) -> Expression:
    return parse(f"({size.text}) + 1")


def _resize(entry: Entry) -> Entry | None:
    return replace(entry, shape=(*entry.shape[:-1], _enlarge(entry.shape[-1]))) if entry.shape else None


def _exchange(entry: Entry) -> Entry | None:
    """Exchange the first two sizes, where they are not the same."""
    first, second, *rest = (*entry.shape, TRUE, TRUE)
    is_other = len(entry.shape) > 1 and first.text != second.text and {*first.fields} != {*second.fields}
    return replace(entry, shape=(second, first, *rest[: len(entry.shape) - 2])) if is_other else None


def _repeat(entry: Entry) -> Entry | None:
    return replace(entry, counts=(_enlarge(entry.counts[0]), *entry.counts[1:])) if entry.counts else None


def _negate(entry: Entry) -> Entry | None:
    has_condition = entry.guard.fields and not entry.guard.axes
    return replace(entry, guard=parse(f"not ({entry.guard.text})")) if has_condition else None


def _untie(entry: Entry) -> Entry | None:
    return replace(entry, tied=()) if entry.tied else None


def _freeze(entry: Entry) -> Entry | None:
    return None if entry.buffer else replace(entry, frozen=not entry.frozen)


FAULTS: Mapping[str, Callable[[Entry], Entry | None]] = {
    "is wider": _resize, "has its sizes exchanged": _exchange, "is in one block more": _repeat,
    "is there on the opposite condition": _negate, "is tied to nothing": _untie, "is frozen": _freeze,
    "is missing": lambda _: None,
}  # fmt: skip
"""The faults that an entry of a record may have."""


def spoil(shipped: Blueprint, fault: str, chance: random.Random) -> tuple[Blueprint, str] | None:
    """Return a blueprint with a fault in one entry, and its name; None where no entry can have it.

    It changes what is counted by default: a block more whose condition never holds is no fault.
    """
    options = list(_list_spoilt(shipped, fault))
    chance.shuffle(options)
    counted = _count(shipped)
    for entry, instead in options:
        entries = tuple(other for one in shipped.entries for other in (instead if one is entry else [one]))
        spoilt = replace(shipped, entries=entries)
        if _count(spoilt) != counted:
            return spoilt, entry.name
    return None


def _count(blueprint: Blueprint) -> dict[str, BuiltTensor]:
    """Count the class's default config; nothing where that cannot be done."""
    try:
        return gate.count(blueprint, SEEDS.get(blueprint.name, SEEDS.get(blueprint.family.model_type, {})))
    except (Problems, ArchitectureError, ValueError, LookupError):
        return {}


def _list_spoilt(shipped: Blueprint, fault: str) -> Iterator[tuple[Entry, list[Entry]]]:
    for entry in shipped.entries:
        instead = FAULTS[fault](entry)
        if instead is not None:
            yield entry, [instead]
        elif fault == "is missing" and not entry.guard.fields:
            yield entry, []


def main() -> int:
    """Exit status 1 when the gate does not find a fault."""
    parser = argparse.ArgumentParser(prog="python -m tools.blueprints.spoiling", description=__doc__)
    parser.add_argument("--records", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=3, help="to hold a record for")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    chance, faults, unseen = random.Random(options.seed), [*FAULTS], 0
    for number, (model_type, name) in enumerate(sample(options.records, options.seed)):
        shipped, at = load_blueprint(model_type, name, LIBRARY), number % len(faults)
        candidates = (*faults[at:], *faults[:at])
        spoilt, entry, fault = next(
            (*one, fault) for fault in candidates if (one := spoil(shipped, fault, chance)) is not None
        )
        held = hold(spoilt, options.seconds, options.seed)
        unseen += held.outcome == AGREES
        print(f"{'NOT FOUND' if held.outcome == AGREES else 'found'}: {model_type} {name}: {entry} {fault}", flush=True)
    print(f"{options.records} records were spoilt, {unseen} of them unseen")
    return int(bool(unseen))


if __name__ == "__main__":
    sys.exit(main())
