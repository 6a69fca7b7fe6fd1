"""python -m tools.architectures LIBRARY: build what is not in the cache, write the tables, print how they changed."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from tools.architectures.building import BuildCache
from tools.architectures.checking import check, recheck
from tools.architectures.fitting import Inexact
from tools.architectures.trees import Definitions

_ROOT = Path(__file__).parents[2]
_DATA = _ROOT / "paramcount/formats/architectures/data"
_CACHE = _ROOT / ".architectures_cache"
_LIBRARIES = {name: f"tools.architectures.{name}_models" for name in ("keras", "timm", "torchvision")}


def main() -> int:
    """Exit status 1 when --check finds a model that is not what the library builds."""
    parser = argparse.ArgumentParser(prog="python -m tools.architectures", description=__doc__)
    parser.add_argument("library", choices=_LIBRARIES)
    parser.add_argument("--cache", type=Path, default=_CACHE)
    parser.add_argument("--data", type=Path, default=_DATA)
    parser.add_argument("--built", action="store_true", help="leave out what is not in the cache")
    parser.add_argument("--check", type=int, metavar="N", help="hold so many architectures against the library")
    parser.add_argument("--recheck", action="store_true", help="hold the tables against the cache, and build nothing")
    parser.add_argument("--progress", type=Path, help="the file that a check that was ended goes on from")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    library = import_module(_LIBRARIES[options.library])
    library.prepare()
    if options.check is not None:
        return check(library, options.check, options.seed, options.progress)
    if options.recheck:
        return recheck(library, BuildCache(options.cache / library.LIBRARY))
    _write(library, options)
    return 0


def _write(library: Any, options: argparse.Namespace) -> None:
    cache = BuildCache(options.cache / library.LIBRARY)
    families: dict[str, tuple[list[str], Definitions]] = {}
    index = [f"{library.LIBRARY} {library.VERSION}"]
    for name in library.names():
        if options.built and name not in cache:
            index.append(f"{name} ! it was not built")
            continue
        lines, definitions = families.setdefault(library.family(name), ([], Definitions()))
        builds = cache.get(name, library.learn)
        try:
            lines += library.write(name, builds, definitions)
        except Inexact as error:
            print(f"{name}: {error}")
            index.append(f"{name} ! {error}")
            continue
        index.append(" ".join([name, library.family(name), *_write_defaults(library.defaults(name, builds))]))
    folder = options.data / library.LIBRARY
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "index.txt").write_text("\n".join(index) + "\n")
    for family, (lines, definitions) in families.items():
        modules = [f"={one} {line}" for one, line in definitions.lines.items()]
        (folder / f"{family}.txt").write_text("\n".join([*lines, *modules]) + "\n")


def _write_defaults(defaults: Any) -> list[str]:
    tokens = []
    for tag, arguments in defaults:
        tokens += [f".{tag}"] if tag else []
        tokens += [f"{name}={value}" for name, value in arguments.items()]
    return tokens


if __name__ == "__main__":
    sys.exit(main())
