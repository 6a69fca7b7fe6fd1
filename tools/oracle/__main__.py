"""Every oracle in turn: the case tables and readers against the real frameworks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Run each module beside this one; returns how many of them disagree with us."""
    failed = []
    for module in sorted(path.stem for path in HERE.glob("*_*.py") if not path.stem.startswith("_")):
        sys.stdout.write(f"== {module}\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"tools.oracle.{module}"], check=False).returncode:
            failed.append(module)
    sys.stdout.write(f"oracles that disagree: {', '.join(failed) or 'none'}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
