"""Every oracle in turn: formulas, readers and examples against the real frameworks."""

from __future__ import annotations

import os
import subprocess
import sys
import time

ORACLES = (
    "golden_reports",
    "golden_transfer",
    "golden_optimizers",
    "keras_layers",
    "keras_models",
    "keras_sharing",
    "keras_files",
    "torch_layers",
    "torch_models",
    "torch_texts",
    "files_real",
    "files_pickled",
    "files_exported",
    "adapters",
    "adapter_classes",
)


def main() -> int:
    """Run each module; returns how many of them disagree with us."""
    environment = {**os.environ, "KERAS_BACKEND": "torch", "TF_CPP_MIN_LOG_LEVEL": "3"}
    failed = []
    for name in ORACLES:
        began = time.monotonic()
        sys.stdout.write(f"== {name}\n")
        sys.stdout.flush()
        if subprocess.run([sys.executable, "-m", f"tools.oracle.{name}"], env=environment, check=False).returncode:
            failed.append(name)
        sys.stdout.write(f"   {time.monotonic() - began:.0f} s\n")
    sys.stdout.write(f"oracles that disagree: {', '.join(failed) or 'none'}\n")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
