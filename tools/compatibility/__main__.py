"""Compare the snapshot with the contract of the last release, released.yaml; `--release` makes it the released one."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import yaml

from tools.compatibility.breaks import breaks

RELEASED = Path(__file__).with_name("released.yaml")
SNAPSHOT = Path(__file__).parents[2] / "openapi.yaml"


def main() -> int:
    """Print every break; returns whether there are any."""
    if "--release" in sys.argv:
        shutil.copyfile(SNAPSHOT, RELEASED)
        return 0
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    documents = [yaml.load(file.read_text(), loader) for file in (RELEASED, SNAPSHOT)]
    changes = list(breaks(*documents))
    sys.stdout.write("".join(f"{line}\n" for line in changes))
    return bool(changes)


if __name__ == "__main__":
    sys.exit(main())
