"""python -m benchmarks: measure, and renew docs/performance.md. For figures worth keeping, leave the machine alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from typing import TypeVar

from benchmarks import floor, peers, report, scaling

T = TypeVar("T")


def main() -> None:
    """Run the parts that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all by default")
    for part in parser.parse_args().parts or PARTS:
        PARTS[part]()


def _floor() -> None:
    report.floor(_print_each(floor.ratios()))


def _peers() -> None:
    report.peers(_print_each(peers.peers()))


def _scaling() -> None:
    layers, repeats, nesting = (
        _print_each(scaling.layers()),
        _print_each(scaling.repeats()),
        _print_each(scaling.nesting()),
    )
    report.scaling(layers, repeats, nesting, _print_each(scaling.workers()))


def _memory() -> None:
    report.memory(_print_each(scaling.memory()), scaling.first_answer())


PARTS: dict[str, Callable[[], None]] = {"floor": _floor, "peers": _peers, "scaling": _scaling, "memory": _memory}


def _print_each(results: Iterable[T]) -> list[T]:
    """Print each result as soon as it is measured; return them all."""
    printed = []
    for each in results:
        sys.stdout.write(f"{each}\n")
        sys.stdout.flush()
        printed.append(each)
    return printed


if __name__ == "__main__":
    main()
