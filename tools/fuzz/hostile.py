"""Hostile requests to the service as it runs in production.

    python -m tools.fuzz.hostile --payloads 1200 --seed 0

Each must be answered in time with a report or a problem, none with a mistake of the service, and no worker may end.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import orjson
import requests

from tools.fuzz.judging import Answer, Judge, ask
from tools.fuzz.payloads import Payload, payloads
from tools.instance import Instance

SECONDS = 20
"""What a request may take; a little more goes to reading it and to waiting on a busy machine."""
_GRACE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser("python -m tools.fuzz.hostile", description=__doc__)
    parser.add_argument("--payloads", type=int, default=1200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="the one payload of that number, with its answer")
    asked = parser.parse_args(arguments)
    with Instance(workers=2, settings={"PARAMCOUNT_MAX_SECONDS": SECONDS, "PARAMCOUNT_LOG_FORMAT": "json"}) as instance:
        contract = requests.get(f"{instance.url}/openapi.json", timeout=10).json()
        judge = Judge(contract, SECONDS + _GRACE)
        before = instance.workers
        with ThreadPoolExecutor(4) as clients:
            made = enumerate(payloads(asked.seed, asked.payloads))
            chosen = ((number, one) for number, one in made if asked.only in (None, number))
            found = list(clients.map(lambda each: (*each, ask(instance.port, each[1], 3 * SECONDS)), chosen))
        faults = [
            f"payload {number} ({payload.kind}, {payload.method} {payload.path[:80]}): {fault}"
            for number, payload, answer in found
            for fault in judge.faults(payload, answer)
        ]
        if instance.workers != before:
            faults.append("a worker ended")
        faults += mistakes(instance.said)
    sys.stdout.write(_summary(found) + "".join(f"FAULT {fault}\n" for fault in faults))
    if asked.only is not None:
        sys.stdout.write(f"{found[0][1]!r:.5000}\n{found[0][2]!r:.5000}\n")
    sys.stdout.write(f"{len(found)} hostile payloads of seed {asked.seed}: {len(faults)} faults\n")
    return bool(faults)


def mistakes(log: str) -> list[str]:
    """What went wrong inside, by the log: each kind once."""
    lines = (orjson.loads(line) if line.startswith("{") else {"error": line} for line in log.splitlines())
    found = Counter(line["error"][-1000:] for line in lines if "error" in line)
    return [f"{times} times in the log: {told}" for told, times in found.items()]


def _summary(found: Sequence[tuple[int, Payload, Answer]]) -> str:
    statuses = Counter(answer.status for _, _, answer in found)
    slowest = sorted(found, key=lambda each: -each[2].seconds)[:5]
    told = "".join(
        f"  {answer.seconds:6.2f} s  {answer.status}  payload {number}: {payload.kind}, {payload.path[:60]}\n"
        for number, payload, answer in slowest
    )
    return f"statuses: {dict(sorted(statuses.items()))}\nslowest:\n{told}"


if __name__ == "__main__":
    sys.exit(main())
