"""python -m tools.blueprints: compile what changed, write the data, print how the data changed.

BLUEPRINTS_LIBRARY=diffusers compiles the components of diffusers instead of transformers' classes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from paramcount.formats.huggingface.blueprints import Blueprint, iterate_classes, load_blueprint
from tools.blueprints.backbones import find_slots
from tools.blueprints.checking import check, sample
from tools.blueprints.files import read_families
from tools.blueprints.forms import find_forms
from tools.blueprints.framework import LIBRARY, pairs
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.overrides.proving import check_override
from tools.blueprints.pins import find_pins
from tools.blueprints.releases import compare_release
from tools.blueprints.results import Result
from tools.blueprints.store import Cache, compile_into, write_results

_ROOT = Path(__file__).parents[2]
_FOLDERS = {"transformers": "huggingface", "diffusers": "diffusers"}
_DATA = _ROOT / f"paramcount/formats/{_FOLDERS[LIBRARY]}/data"
_CACHE = _ROOT / (".blueprints_cache" if LIBRARY == "transformers" else f".blueprints_cache_{LIBRARY}")
_TYPES_AT_ONCE = 40


def main() -> int:
    """Exit status 1 when --check finds a count that is not what transformers builds, or an override no longer holds."""
    options = _options()
    cache = Cache(options.cache)
    wanted = [pair for pair in pairs() if not options.names or pair[0] in options.names or pair[1] in options.names]
    if options.check is not None:
        return _check(wanted, options)
    if options.release:
        print("\n".join(compare_release(options.data)))
        return 0
    if options.parts:
        _find(wanted, cache, "within", find_slots)
    elif options.forms:
        _find(wanted, cache, "forms", find_forms)
        _find(wanted, cache, "pins", find_pins)
    else:
        waiting = [pair for pair in wanted if _stale(cache.get(*pair), options.again)]
        print(f"{len(wanted)} classes, {len(waiting)} to compile", flush=True)
        print(f"compiled {_compile(waiting, cache, options.jobs, options.seconds)}")
    results = filter(None, (cache.get(*pair) for pair in pairs()))
    written = write_results(results, cache, options.data, options.learned)
    print("\n".join(written.changes[: options.lines]))
    print(f"{len(written.changes)} lines of the data changed")
    for name in written.kept:
        print(f"more is known of it already, of the same sources, and was kept: {name}")
    for model_type, why in written.stale.items():
        print(f"the override no longer holds, and what ships was kept: {model_type}: {why}")
    return int(bool(written.stale))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.blueprints", description=__doc__)
    parser.add_argument("names", nargs="*", help="model types or classes; all by default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20, help="to spend on a class")
    parser.add_argument("--cache", type=Path, default=_CACHE)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--learned", type=Path, default=LEARNED, help="what was learned of types that have an override")
    parser.add_argument("--parts", action="store_true", help="look into which models the configs inside may be of")
    parser.add_argument("--forms", action="store_true", help="look for other forms of fields, and lists that matter")
    parser.add_argument("--release", action="store_true", help="compare what ships with a later release, installed")
    parser.add_argument("--lines", type=int, default=40, help="of the difference to print")
    parser.add_argument("--again", choices=("refused", "narrow"), help="compile those too that failed, or were pinned")
    parser.add_argument(
        "--check",
        type=int,
        nargs="?",
        const=24,
        help="hold so many shipped classes, or those named, against transformers",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the configs to check with")
    return parser.parse_args()


def _stale(result: Result | None, again: str | None) -> bool:
    if result is None:
        return True
    return again is not None and (result.record is None or (again == "narrow" and bool(result.narrow)))


def _compile(waiting: list[tuple[str, str]], cache: Cache, jobs: int, seconds: float) -> int:
    started, done = time.monotonic(), 0
    types = list(_by_type(waiting).items())
    for first in range(0, len(types), _TYPES_AT_ONCE * jobs):  # processes end now and then: what they import is large
        with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
            some = types[first : first + _TYPES_AT_ONCE * jobs]
            futures = [pool.submit(compile_into, cache, kind, names, seconds) for kind, names in some]
            for future in as_completed(futures):
                for line in future.result():
                    done += 1
                    left = (time.monotonic() - started) / done * (len(waiting) - done)
                    print(f"{done}/{len(waiting)} ({left / 60:.0f} min left) {line}", flush=True)
    return done


def _by_type(waiting: list[tuple[str, str]]) -> dict[str, list[str]]:
    names_by_type: dict[str, list[str]] = {}
    for model_type, name in waiting:
        names_by_type.setdefault(model_type, []).append(name)
    return names_by_type


def _find(
    wanted: list[tuple[str, str]],
    cache: Cache,
    member: str,
    find: Callable[[Blueprint], Any],
) -> None:
    """Look for a member of the records of the classes that ship, but for those that were looked into already."""
    shipped = set(iterate_classes(LIBRARY))
    for model_type, name in wanted:
        if (model_type, name) in shipped and cache.get_member(model_type, name, member) is None:
            content = find(load_blueprint(model_type, name, LIBRARY))
            cache.put_member(model_type, name, member, content)
            print(f"{model_type} {name}: {content}", flush=True)


def _check(wanted: list[tuple[str, str]], options: argparse.Namespace) -> int:
    """The gate of a release: what ships is what transformers builds, and what every override was made for."""
    shipped = set(iterate_classes(LIBRARY))
    chosen = [pair for pair in wanted if pair in shipped] if options.names else sample(options.check, options.seed)
    wrong = 0
    for model_type, name in chosen:
        outcome = check(model_type, name, options.seconds, options.seed)
        print(f"{model_type} {name}: {outcome}", flush=True)
        wrong += bool(outcome.wrong)
    ships, learned = read_families(options.data), read_families(options.learned)
    overridden = OVERRIDES.keys() & {pair[0] for pair in wanted}
    for model_type in sorted(overridden):
        failure = check_override(model_type, ships[model_type], learned[model_type])
        proofs = len(OVERRIDES[model_type].proofs)
        print(f"{model_type}, override: {f'WRONG: {failure}' if failure else f'{proofs} proofs hold'}", flush=True)
        wrong += bool(failure)
    print(f"{len(chosen)} classes, {len(overridden)} overrides, {wrong} wrong (seed {options.seed})")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
