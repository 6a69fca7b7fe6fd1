"""The library whose classes are compiled: transformers, or the one that the environment names; and its folders."""

import os
from pathlib import Path

LIBRARY = os.environ.get("BLUEPRINTS_LIBRARY", "transformers")

_ROOT = Path(__file__).parents[2]
TOOLS = _ROOT / "tools"
_FOLDERS = {"transformers": "huggingface", "diffusers": "diffusers"}
DATA = _ROOT / f"paramcount/formats/{_FOLDERS[LIBRARY]}/data"
CACHE = _ROOT / (".blueprints_cache" if LIBRARY == "transformers" else f".blueprints_cache_{LIBRARY}")
