"""Reads files that the real libraries wrote, and broken ones, and compares: torch, safetensors, gguf, onnx.

    python -m tools.oracle.files_real

For broken files: what we take must have the library's numbers; of safetensors, what the library refuses is refused.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from pathlib import Path

from paramcount.schema.registry import load_plugins
from tools.oracle import files_gguf, files_onnx, files_safetensors, files_torch


def main() -> int:
    load_plugins()
    failed = passed = 0
    with tempfile.TemporaryDirectory() as folder:
        for part in (files_torch, files_safetensors, files_gguf, files_onnx):
            began = time.perf_counter()
            before = passed, failed
            for name, agrees, seen in part.checks(Path(folder), random.Random(1)):
                passed += agrees
                failed += not agrees
                if not agrees and failed <= 20:
                    print(f"FAILED {name}: {seen}")
            took = time.perf_counter() - began
            print(f"{part.__name__}: {passed - before[0]} passed, {failed - before[1]} failed in {took:.1f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
