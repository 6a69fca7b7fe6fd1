"""python -m tools.blueprints: compile what changed, write the data, say what that changed."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from paramcount.formats.huggingface.blueprints import iterate_classes, load_blueprint, load_family
from tools.blueprints import parts
from tools.blueprints.checking import check, sample
from tools.blueprints.compiler import Result
from tools.blueprints.framework import pairs
from tools.blueprints.store import Cache, compile_into, data_of, write

_DATA = Path(__file__).parents[2] / "paramcount/formats/huggingface/data"
_CACHE = Path(__file__).parents[2] / ".blueprints_cache"
_TYPES_AT_ONCE = 40


def main() -> int:
    """Exit status 1 when --check finds a count that is not what transformers builds."""
    options = _options()
    cache = Cache(options.cache)
    wanted = [pair for pair in pairs() if not options.names or pair[0] in options.names or pair[1] in options.names]
    if options.check is not None:
        shipped = set(iterate_classes())
        asked = [pair for pair in wanted if pair in shipped] if options.names else sample(options.check, options.seed)
        return _check(asked, options.seconds, options.seed)
    if options.parts:
        return _parts(wanted, cache, options.data)
    waiting = [pair for pair in wanted if _stale(cache.get(*pair), options.again)]
    print(f"{len(wanted)} classes, {len(waiting)} to compile", flush=True)
    done = _compile(waiting, cache, options.jobs, options.seconds, options.data)
    print(f"compiled {done}")
    changes = _write(cache, options.data, everything=not options.names)
    print("\n".join(changes[: options.lines]))
    print(f"{len(changes)} lines of the data changed")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.blueprints", description=__doc__)
    parser.add_argument("names", nargs="*", help="model types or classes; all by default")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=20, help="to spend on a class")
    parser.add_argument("--cache", type=Path, default=_CACHE)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--parts", action="store_true", help="look into which models the configs inside may be of")
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


def _compile(waiting: list[tuple[str, str]], cache: Cache, jobs: int, seconds: float, data: Path) -> int:
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
        _write(cache, data, everything=False)
    return done


def _by_type(waiting: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for model_type, name in waiting:
        found.setdefault(model_type, []).append(name)
    return found


def _write(cache: Cache, data: Path, *, everything: bool) -> list[str]:
    """All that the cache holds, as the data."""
    results = [found for pair in pairs() if (found := cache.get(*pair)) is not None]
    fingerprints = {found.model_type: cache.fingerprint(found.model_type) for found in results}
    return write(data, data_of(results, fingerprints, cache), everything)


def _parts(wanted: list[tuple[str, str]], cache: Cache, data: Path) -> int:
    """What ships is taken as it is; what was looked into already is not again."""
    shipped = set(iterate_classes())
    for model_type, name in wanted:
        if (model_type, name) in shipped and load_family(model_type).auto and cache.within(model_type, name) is None:
            found = parts.within(load_blueprint(model_type, name))
            cache.put_within(model_type, name, found)
            print(f"{model_type} {name}: {found}", flush=True)
    _write(cache, data, everything=False)
    return 0


def _check(wanted: list[tuple[str, str]], seconds: float, seed: int) -> int:
    """The gate of a release: what ships is what transformers builds."""
    wrong = 0
    for model_type, name in wanted:
        found = check(model_type, name, seconds, seed)
        print(f"{model_type} {name}: {found}", flush=True)
        wrong += bool(found.wrong)
    print(f"{len(wanted)} classes, {wrong} wrong (seed {seed})")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
