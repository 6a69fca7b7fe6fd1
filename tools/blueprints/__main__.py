"""python -m tools.blueprints: compile what changed, write the data, print how the data changed.

BLUEPRINTS_LIBRARY=diffusers compiles the components of diffusers instead of transformers' classes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from paramcount.formats.huggingface.blueprints import iterate_classes
from tools.blueprints.checking import check_classes, check_overrides, sample
from tools.blueprints.framework import pairs
from tools.blueprints.library import CACHE, DATA, LIBRARY
from tools.blueprints.members import find_members
from tools.blueprints.overrides import LEARNED, OVERRIDES
from tools.blueprints.results import Result
from tools.blueprints.store import Cache, compile_into, write_results
from tools.blueprints.widened import list_pinned, widen_into
from tools.blueprints.workers import spread


def main() -> int:
    """Exit status 1 when --check finds a count that is not what transformers builds, or an override no longer holds."""
    options = _options()
    cache = Cache(options.cache)
    wanted = [pair for pair in pairs() if not options.names or pair[0] in options.names or pair[1] in options.names]
    if options.check is not None:
        return _check(wanted, options)
    if options.parts:
        find_members(wanted, cache, options.jobs, "within")
    elif options.forms:
        find_members(wanted, cache, options.jobs, "forms", "pins")
    elif options.widen:
        pinned = set(list_pinned())
        spread("widen", [pair for pair in wanted if pair in pinned], options.jobs, widen_into, cache, options.seconds)
    else:
        waiting = [pair for pair in wanted if _stale(cache.get(*pair), options.again)]
        print(f"{len(wanted)} classes, {len(waiting)} to compile", flush=True)
        print(f"compiled {spread('compile', waiting, options.jobs, compile_into, cache, options.seconds)}")
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
    parser.add_argument("--cache", type=Path, default=CACHE)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--learned", type=Path, default=LEARNED, help="what was learned of types that have an override")
    parser.add_argument("--parts", action="store_true", help="look into which models the configs inside may be of")
    parser.add_argument("--forms", action="store_true", help="look for other forms of fields, and lists that matter")
    parser.add_argument("--widen", action="store_true", help="vary the fields that were pinned, and free what can be")
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


def _check(wanted: list[tuple[str, str]], options: argparse.Namespace) -> int:
    """The gate of a release: what ships is what transformers builds, and what every override was made for."""
    shipped = set(iterate_classes(LIBRARY))
    chosen = [pair for pair in wanted if pair in shipped] if options.names else sample(options.check, options.seed)
    with TemporaryDirectory() as folder:  # what an earlier check found is no check
        checked = check_classes(chosen, Cache(Path(folder)), options.jobs, options.seconds, options.seed)
    overrides = check_overrides(OVERRIDES.keys() & {pair[0] for pair in wanted}, options.data, options.learned)
    wrong = sum(bool(one.wrong) for one in checked.values()) + sum(map(bool, overrides.values()))
    print(f"{len(checked)} classes, {len(overrides)} overrides, {wrong} wrong (seed {options.seed})")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
