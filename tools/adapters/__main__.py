"""python -m tools.adapters: write what paramcount/adapters reads; needs torch, transformers and peft."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from paramcount.formats.huggingface.blueprints import iterate_classes
from tools.adapters.kinds import record
from tools.adapters.targets import targets

_DATA = Path(__file__).parents[2] / "paramcount/adapters/data"


def main() -> int:
    """Write both files; with names, renew the kinds of these model types or classes only."""
    parser = argparse.ArgumentParser(prog="python -m tools.adapters", description=__doc__)
    parser.add_argument("names", nargs="*", help="model types or classes; all by default")
    wanted = set(parser.parse_args().names)
    _write("targets.json", targets())
    path = _DATA / "kinds.json"
    kinds = json.loads(path.read_text()) if wanted and path.exists() else {}
    for model_type, name in sorted(iterate_classes()):
        if not wanted or name in wanted or model_type in wanted:
            print(model_type, name, flush=True)
            kinds[f"{model_type}/{name}"] = record(model_type, name)
    _write("kinds.json", kinds)
    return 0


def _write(name: str, content: object) -> None:
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(content.items()))  # type: ignore[attr-defined]
    (_DATA / name).write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    sys.exit(main())
