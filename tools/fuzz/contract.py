"""The contract, asked by schemathesis with whatever its schemas allow and forbid, all checks on, of a live service.

    python -m tools.fuzz.contract --examples 60 --seed 0

The examples are those for one operation, of which there are some thirty.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.fuzz.hostile import mistakes
from tools.install import HOUSE
from tools.instance import Instance

_PHASES = "examples,coverage,fuzzing,stateful"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fuzz.contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    with Instance(workers=2, settings={"PARAMCOUNT_LOG_FORMAT": "json"}) as instance:
        before = instance.workers
        with tempfile.TemporaryDirectory() as scratch:  # where it would leave its caches
            settings = Path(__file__).with_name("schemathesis.toml")
            command = [f"{Path(sys.executable).parent}/schemathesis", "--config-file", str(settings), "run"]
            options = ["--checks", "all", "--phases", _PHASES, "--max-examples", str(asked.examples)]
            ran = subprocess.run(
                [*command, f"{instance.url}/openapi.json", *options, "--seed", str(asked.seed), "--warnings", "off"],
                cwd=scratch, env=instance.environment | {"PYTHONPATH": str(HOUSE)}, check=False,
            )  # fmt: skip
        faults = mistakes(instance.said)
        if instance.workers != before:
            faults.append("a worker ended")
    sys.stdout.write("".join(f"FAULT {fault}\n" for fault in faults))
    return ran.returncode or bool(faults)


if __name__ == "__main__":
    sys.exit(main())
