"""python -m tools.blueprints.upgrade: hold what ships against the release that is installed, compile what differs.

What agrees is carried over. What differs or is new is compiled, the overrides are applied, the gate is asked, and the
outcome is printed. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from paramcount.formats.huggingface.blueprints import iterate_classes, load_blueprint, load_index
from tools.blueprints.checking import check_classes, check_overrides, sample
from tools.blueprints.files import read_index, renew_pins
from tools.blueprints.framework import VERSION, pairs
from tools.blueprints.holding import hold_into, read_held
from tools.blueprints.library import CACHE, DATA, LIBRARY, TOOLS
from tools.blueprints.members import find_members
from tools.blueprints.mending import mend_into
from tools.blueprints.older import keep_older
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.reporting import Report
from tools.blueprints.results import AGREES, MEMBERS, Held
from tools.blueprints.store import Cache, Written, compile_into, write_results
from tools.blueprints.workers import Pair, spread


def main() -> int:
    """Exit status 1 when something is counted otherwise than the release builds it, or an override no longer holds."""
    options = _options()
    report = Report(LIBRARY, read_index(options.data).get(LIBRARY, ""), VERSION)
    cache, known, shipped = Cache(options.cache), pairs(), set(iterate_classes(LIBRARY))
    report.held = _hold([pair for pair in known if pair in shipped and _is_named(pair, options)], cache, options)
    report.lost = sorted(shipped.difference(known))
    if options.names or options.hold:
        print(report)
        return int(any(held.outcome != AGREES for held in report.held))
    waiting = _list_waiting(known, report.held)
    report.new = [pair for pair in waiting if pair not in shipped]
    _compile(waiting, cache, options)
    keep_older(options.data, [(held.model_type, held.name) for held in report.held if held.is_another])
    carried = {(held.model_type, held.name) for held in report.held if held.outcome == AGREES}
    _write(cache, options, carried)
    find_members([pair for pair in known if cache.get(*pair) is not None], cache, *MEMBERS)
    written = _write(cache, options, carried)
    report.results = [result for pair in waiting if (result := cache.get(*pair)) is not None]
    report.stale = written.stale
    renew_pins(TOOLS, LIBRARY, VERSION)
    ships = [pair for pair in waiting if pair in set(iterate_classes(LIBRARY))]
    report.checked = check_classes([*ships, *sample(options.sample, options.seed)], options.gate, options.seed)
    report.overrides = check_overrides(OVERRIDES, options.data, options.learned)
    print(report)
    return int(bool(report.stale or report.wrong))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.blueprints.upgrade", description=__doc__)
    parser.add_argument("names", nargs="*", help="model types or classes to hold; all by default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3, help="to hold a class for; 0: of its own config only")
    parser.add_argument("--compile", type=float, default=20, help="seconds to spend on a class that differs or is new")
    parser.add_argument("--gate", type=float, default=5, help="seconds to check such a class for")
    parser.add_argument("--sample", type=int, default=24, help="of the other classes to check besides")
    parser.add_argument("--hold", action="store_true", help="only tell what differs")
    parser.add_argument("--seed", type=int, default=1, help="of the configs to hold and to check with")
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--learned", type=Path, default=LEARNED)
    return parser.parse_args()


def _is_named(pair: Pair, options: argparse.Namespace) -> bool:
    return not options.names or pair[0] in options.names or pair[1] in options.names


def _hold(wanted: list[Pair], cache: Cache, options: argparse.Namespace) -> list[Held]:
    """Hold the classes that were not held already; the popular ones first, as the library's pairs are ordered."""
    waiting = [pair for pair in wanted if read_held(cache, *pair, options.seconds) is None]
    print(f"{len(wanted)} records, {len(waiting)} to hold against {LIBRARY} {VERSION}", flush=True)
    started = time.monotonic()
    spread(waiting, options.jobs, hold_into, cache, options.seconds, options.seed)
    print(f"held in {(time.monotonic() - started) / 60:.1f} min", flush=True)
    return [held for pair in wanted if (held := read_held(cache, *pair, options.seconds)) is not None]


def _list_waiting(known: list[Pair], held: list[Held]) -> list[Pair]:
    """The classes that differ, and those that the release before did not have."""
    outcomes = {(one.model_type, one.name): one.outcome for one in held}
    refused = load_index(LIBRARY).refused
    return [pair for pair in known if outcomes.get(pair, "") != AGREES and (pair in outcomes or pair[1] not in refused)]


def _compile(waiting: list[Pair], cache: Cache, options: argparse.Namespace) -> None:
    """Mend the records that differ, where that will do, and compile the others and those of new classes."""
    differing = set(waiting) & set(iterate_classes(LIBRARY))
    stale = [pair for pair in waiting if cache.get(*pair) is None]
    mendable = [pair for pair in stale if pair in differing]
    print(f"{len(waiting)} classes differ or are new, {len(mendable)} to mend", flush=True)
    spread(mendable, options.jobs, mend_into, cache, options.seconds, options.seed)
    stale = [pair for pair in waiting if cache.get(*pair) is None]
    print(f"{len(stale)} to compile", flush=True)
    spread(stale, options.jobs, compile_into, cache, options.compile)


def _write(cache: Cache, options: argparse.Namespace, carried: set[Pair]) -> Written:
    results = filter(None, (cache.get(*pair) for pair in pairs()))
    written = write_results(results, cache, options.data, options.learned, carried)
    load_index.cache_clear()
    load_blueprint.cache_clear()
    return written


if __name__ == "__main__":
    sys.exit(main())
