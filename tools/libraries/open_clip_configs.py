"""python -m tools.libraries.open_clip_configs: write the configs that open_clip ships, one a line."""

from __future__ import annotations

import json
from pathlib import Path

from tools import operators  # noqa: F401 # before whatever imports torchvision

import open_clip  # isort: skip

_OUT = Path(__file__).parents[2] / "paramcount/formats/open_clip/models.json"


def main() -> None:
    files = sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json"))
    lines = [f" {json.dumps(file.stem)}: {json.dumps(json.loads(file.read_text()))}" for file in files]
    _OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
