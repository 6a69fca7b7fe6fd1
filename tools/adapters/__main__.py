"""python -m tools.adapters: write the data of paramcount/adapters; needs torch, transformers and peft."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from paramcount.formats.huggingface.blueprints import iterate_classes
from tools.adapters.kinds import record_class
from tools.adapters.targets import read_tables

_DATA = Path(__file__).parents[2] / "paramcount/adapters/data"


def main() -> int:
    """Write both files; with names, renew the kinds of these model types or classes only."""
    parser = argparse.ArgumentParser(prog="python -m tools.adapters", description=__doc__)
    parser.add_argument("names", nargs="*", help="model types or classes; all by default")
    names = set(parser.parse_args().names)
    _write("targets.json", read_tables())
    path = _DATA / "kinds.json"
    kinds = json.loads(path.read_text()) if names and path.exists() else {}
    for model_type, class_name in sorted(iterate_classes()):
        if not names or class_name in names or model_type in names:
            print(model_type, class_name, flush=True)
            kinds[f"{model_type}/{class_name}"] = record_class(model_type, class_name)
    _write("kinds.json", kinds)
    return 0


def _write(name: str, content: Mapping[str, object]) -> None:
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in sorted(content.items()))
    (_DATA / name).write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    sys.exit(main())
