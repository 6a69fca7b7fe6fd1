"""A live service, tried with whatever its contract allows and forbids, and with hostile requests.

    python -m tools.fuzz.contract --examples 60 --hostile 300 --seed 0

schemathesis makes the former, so many for each of some thirty operations; `tools.fuzz.requests` the latter, so many for
each of four clients at once. Each is answered in time, as the contract says, and no worker ends.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import requests
from hypothesis import HealthCheck, given, seed, settings

from tools.fuzz.answers import Judge, send
from tools.fuzz.requests import Request
from tools.fuzz.requests import requests as hostile_requests
from tools.install import HOUSE
from tools.instance import Instance

MAX_SECONDS = 20
"""The most seconds of a request; a little more goes to reading it and to waiting on a busy machine."""
_GRACE_SECONDS = 10
_CLIENTS = 4
_PHASES = "examples,coverage,fuzzing,stateful"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both; return 1 where anything is wrong."""
    parser = argparse.ArgumentParser("python -m tools.fuzz.contract", description=__doc__)
    parser.add_argument("--examples", type=int, default=60)
    parser.add_argument("--hostile", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    limits = {"PARAMCOUNT_MAX_SECONDS": MAX_SECONDS, "PARAMCOUNT_LOG_FORMAT": "json"}
    with Instance(workers=2, settings=limits) as instance:
        before = instance.workers
        broken = try_contract(instance, options.examples, options.seed)
        judge = Judge(requests.get(f"{instance.url}/openapi.json", timeout=10).json(), MAX_SECONDS + _GRACE_SECONDS)
        with ThreadPoolExecutor(_CLIENTS) as clients:
            seeds = range(options.seed * _CLIENTS, (options.seed + 1) * _CLIENTS)
            answers = clients.map(lambda number: try_hostile(instance, judge, options.hostile, number), seeds)
            faults = list(filter(None, answers))
        faults += list_mistakes(instance.log_text)
        if instance.workers != before:
            faults.append("a worker ended")
    sys.stdout.write("".join(f"FAULT {fault}\n" for fault in faults))
    sys.stdout.write(f"{_CLIENTS * options.hostile} hostile requests: {len(faults)} faults\n")
    return broken or bool(faults)


def try_contract(instance: Instance, examples: int, number: int) -> int:
    """Let schemathesis try every operation, with all of its checks; return its exit status."""
    with tempfile.TemporaryDirectory() as scratch:  # where it would leave its caches
        configuration = Path(__file__).with_name("schemathesis.toml")
        command = [f"{Path(sys.executable).parent}/schemathesis", "--config-file", str(configuration), "run"]
        options = ["--checks", "all", "--phases", _PHASES, "--max-examples", str(examples), "--seed", str(number)]
        return subprocess.run(
            [*command, f"{instance.url}/openapi.json", *options, "--warnings", "off"],
            cwd=scratch, env=instance.environment | {"PYTHONPATH": str(HOUSE)}, check=False,
        ).returncode  # fmt: skip


def try_hostile(instance: Instance, judge: Judge, examples: int, number: int) -> str:
    """Send so many hostile requests of a seed; return the smallest that is answered wrongly, or ''."""

    @seed(number)
    @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(hostile_requests())
    def check(request: Request) -> None:
        faults = list(judge.faults(request, send(instance.port, request, 3 * MAX_SECONDS)))
        assert not faults, f"{request.kind}, {request.method} {request.path[:80]}: {faults}"

    try:
        check()
    except AssertionError as error:
        return str(error)
    return ""


def list_mistakes(log: str) -> list[str]:
    """Return the errors of a service's log, each kind once."""
    lines = (orjson.loads(line) if line.startswith("{") else {"error": line} for line in log.splitlines())
    errors = Counter(line["error"][-1000:] for line in lines if "error" in line)
    return [f"{times} times in the log: {error}" for error, times in errors.items()]


if __name__ == "__main__":
    sys.exit(main())
