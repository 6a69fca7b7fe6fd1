"""python -m tools.blueprints.upgrade: hold what ships against the release that is installed, compile what differs.

What agrees is carried over. What differs or is new is compiled, the overrides are applied, the gate is asked, and a
report is written. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from importlib.util import find_spec
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
from tools.blueprints.reporting import Report, resume
from tools.blueprints.results import AGREES, MEMBERS, Held, Result
from tools.blueprints.store import Cache, Written, compile_into, write_results
from tools.blueprints.workers import Pair, spread

_BESIDE = ("torch", "transformers", "torchvision", "timm")


def main() -> int:
    """Exit status 1 when a person must look at something, which the report begins with."""
    options = _options()
    report = Report(LIBRARY, read_index(options.data).get(LIBRARY, ""), VERSION, beside=_list_versions())
    cache, known, shipped = Cache(options.cache), pairs(), set(iterate_classes(LIBRARY))
    with _phase(report, "hold"):
        report.held = _hold([pair for pair in known if pair in shipped and _is_named(pair, options)], cache, options)
    if options.names or options.hold:
        print(report)
        return int(bool(report.changed))
    carried = {(held.model_type, held.name) for held in report.held if held.outcome == AGREES}
    differing = [(held.model_type, held.name) for held in report.held if held.is_another]
    report.lost = sorted(shipped.difference(known))
    refused = load_index(LIBRARY).refused
    report.new = [pair for pair in known if pair not in shipped and pair[1] not in refused]
    begun = options.cache / "upgrade.json"
    resume(report, begun)
    touched = {*report.new, *((held.model_type, held.name) for held in report.changed)}
    waiting = [pair for pair in known if pair in touched]
    with _phase(report, "compile"):
        _compile(waiting, cache, options)
    keep_older(options.data, differing, VERSION)
    _write(cache, options, carried)
    with _phase(report, "members"):
        find_members([pair for pair in known if cache.get(*pair) is not None], cache, options.jobs, *MEMBERS)
    report.stale = _write(cache, options, carried).stale
    renew_pins(TOOLS, LIBRARY, VERSION)
    with _phase(report, "gate"):
        _check(report, waiting, cache, options)
    if wrong := {pair for pair in waiting if pair in report.checked and report.checked[pair].wrong}:
        _refuse(wrong, cache)
        report.stale = _write(cache, options, carried, wrong).stale
    report.results = [result for pair in waiting if (result := cache.get(*pair)) is not None]
    begun.unlink()
    (options.cache / "upgrade.md").write_text(str(report))
    print(f"\n{report}\nThis report is in {options.cache / 'upgrade.md'}")
    return int(bool(report.needs))


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


def _list_versions() -> dict[str, str]:
    return {name: version(name) for name in _BESIDE if name != LIBRARY and find_spec(name)}


@contextmanager
def _phase(report: Report, name: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    report.minutes[name] = (time.monotonic() - started) / 60


def _hold(wanted: list[Pair], cache: Cache, options: argparse.Namespace) -> list[Held]:
    """Hold the classes that were not held already; the popular ones first, as the library's pairs are ordered."""
    waiting = [pair for pair in wanted if read_held(cache, *pair, options.seconds) is None]
    print(f"{len(wanted)} records, {len(waiting)} to hold against {LIBRARY} {VERSION}", flush=True)
    spread("hold", waiting, options.jobs, hold_into, cache, options.seconds, options.seed)
    return [held for pair in wanted if (held := read_held(cache, *pair, options.seconds)) is not None]


def _compile(waiting: list[Pair], cache: Cache, options: argparse.Namespace) -> None:
    """Mend the records that differ, where that will do, and compile the others and those of new classes."""
    differing = set(waiting) & set(iterate_classes(LIBRARY))
    mendable = [pair for pair in waiting if pair in differing and cache.get(*pair) is None]
    print(f"{len(waiting)} classes differ or are new, {len(mendable)} to mend", flush=True)
    spread("mend", mendable, options.jobs, mend_into, cache, options.seconds, options.seed)
    stale = [pair for pair in waiting if cache.get(*pair) is None]
    spread("compile", stale, options.jobs, compile_into, cache, options.compile)


def _refuse(wrong: set[Pair], cache: Cache) -> None:
    """Take what the gate found to be wrong out of what ships."""
    for model_type, name in sorted(wrong):
        cache.replace(Result(model_type, name, reason="is not exact (the gate found a config that is counted wrongly)"))


def _write(cache: Cache, options: argparse.Namespace, carried: set[Pair], wrong: Collection[Pair] = ()) -> Written:
    results = filter(None, (cache.get(*pair) for pair in pairs()))
    written = write_results(results, cache, options.data, options.learned, carried, wrong)
    load_index.cache_clear()
    load_blueprint.cache_clear()
    return written


def _check(report: Report, waiting: list[Pair], cache: Cache, options: argparse.Namespace) -> None:
    """Ask the gate about what was compiled, a sample of the rest, and the overrides, of what the release has."""
    here = set(iterate_classes(LIBRARY)).intersection(pairs())
    chosen = dict.fromkeys(filter(here.__contains__, [*waiting, *sample(options.sample, options.seed)]))
    report.checked = check_classes(chosen, cache, options.jobs, options.gate, options.seed)
    kinds = OVERRIDES.keys() & {model_type for model_type, _ in here}
    report.overrides = check_overrides(kinds, options.data, options.learned)


if __name__ == "__main__":
    sys.exit(main())
