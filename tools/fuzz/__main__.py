"""Fuzzes the readers, one after the other, each in a process of its own.

    python -m tools.fuzz --seconds 600 [--format safetensors ...]

Needs atheris. What breaks a reader is left in the folder that is named at the end; give such a file to
`python -m tools.fuzz.target FORMAT FILE` to see it again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import orjson

from paramcount.schema.registry import FORMATS, load_plugins


def main() -> int:
    load_plugins()
    parser = argparse.ArgumentParser("tools.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600, help="in total")
    parser.add_argument("--format", action="append", choices=sorted(FORMATS), help="default: all")
    options = parser.parse_args()
    names = options.format or sorted(FORMATS)
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    broken = []
    for name in names:
        seeds = folder / name
        seeds.mkdir()
        example = FORMATS[name].example
        raw = example if isinstance(example, bytes) else example.encode() if isinstance(example, str) else None
        (seeds / "example").write_bytes(orjson.dumps(example) if raw is None else raw)
        command = [sys.executable, "-m", "tools.fuzz.target", name, str(seeds), f"-artifact_prefix={folder}/{name}-"]
        limits = [
            f"-max_total_time={options.seconds // len(names)}",
            "-max_len=16384",
            "-timeout=20",
            "-rss_limit_mb=1500",
        ]
        ran = subprocess.run([*command, *limits], capture_output=True, text=True, check=False)
        done = [line for line in ran.stderr.splitlines() if "DONE" in line or "Done" in line]
        print(f"{name}: {'; '.join(done) if not ran.returncode else ran.stderr[-3000:]}", flush=True)
        if ran.returncode:
            broken.append(name)
    print(f"broken: {', '.join(broken) or 'none'}; inputs in {folder}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
