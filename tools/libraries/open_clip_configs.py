"""python -m tools.libraries.open_clip_configs: write the configs that open_clip ships, one a line.

Those with a text tower of the Hub are left out: its sizes are not in them.
"""

from __future__ import annotations

import json
from pathlib import Path

import open_clip

_OUT = Path(__file__).parents[2] / "paramcount/formats/open_clip/models.json"


def main() -> None:
    lines = []
    for file in sorted((Path(open_clip.__file__).parent / "model_configs").glob("*.json")):
        config = json.loads(file.read_text())
        if "hf_model_name" not in config["text_cfg"]:
            lines.append(f" {json.dumps(file.stem)}: {json.dumps(config)}")
    _OUT.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
