"""Attacks, good requests and restarts mixed: `python -m tools.attacks --seconds 600`.

Two instances run behind haproxy, which good requests go through; attacks go straight to the instances. haproxy and the
good clients stand for other machines, so they wait for no core where they may run first.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import quantiles

import requests

from tools.attacks.aimed import aimed_requests
from tools.attacks.good import GoodClients
from tools.attacks.stalls import hold_connections, start
from tools.faults.haproxy import haproxy
from tools.fuzz.answers import Answer, send
from tools.fuzz.requests import Request, stream
from tools.install import debian
from tools.instance import Instance, children_of

_MAX_SECONDS = 20
_SECONDS_PER_RESTART = 60
_REST_SECONDS = 60
_WORKERS = 2
"""Of each instance, as k8s/ and the image start it."""

_WARM_UP_REQUESTS = 1_200
"""Each kind of attack at least once, so that all code is loaded that they need: that is memory at rest."""

_MAX_GROWTH = 1.25
"""Of the memory at rest, a minute after the attacks."""

_MAX_TURNED_AWAY = 0.01
_NICENESS = 19
"""Of the threads that attack and weigh: what makes the attacks must not take the time of what answers them."""

_PODS_LIMIT_MB = 2 * 3 * 1024
"""The limits of memory that k8s/ gives to two pods."""


class _Attack:
    """Clients that attack the instances until it is over, and what they and the probes saw."""

    def __init__(self, instances: Sequence[Instance], seconds: float) -> None:
        self.statuses: Counter[int] = Counter()
        self.slowest: dict[str, float] = {}
        self.internal_errors: list[str] = []
        self.slowest_probe, self.failed_probes, self.peak_mb = 0.0, 0, 0.0
        self._instances, self._until = instances, time.monotonic() + seconds
        self._restarting: Instance | None = None

    def is_over(self) -> bool:
        return time.monotonic() > self._until

    def list_faults(self) -> Iterator[str]:
        """Yield what no attack may bring about."""
        if self.peak_mb > _PODS_LIMIT_MB:
            yield "the pods' memory is above their limit"
        for error in self.internal_errors[:20]:
            yield f"an internal error: {error}"

    def run(self, proxy_restart: object) -> int:
        """Attack, probe and restart; returns how many restarts there were."""
        threads = [start(self._send_all, instance, seed) for seed, instance in enumerate(self._instances)]
        threads += [start(hold_connections, instance.port, self.is_over) for instance in self._instances]
        threads += [start(self._probe), start(self._weigh)]
        restarts = 0
        for instance in itertools.cycle(self._instances):
            pause = time.monotonic() + _SECONDS_PER_RESTART
            while time.monotonic() < pause and not self.is_over():
                time.sleep(0.5)
            if self.is_over():
                break
            self._restarting = instance
            proxy_restart(instance)  # type: ignore[operator]
            self._restarting, restarts = None, restarts + 1
        for thread in threads:
            thread.join()
        return restarts

    def _send_all(self, instance: Instance, seed: int) -> None:
        os.nice(_NICENESS)
        for request in _mix(seed):
            if self.is_over():
                return
            answer = send(instance.port, request, 2 * _MAX_SECONDS)
            if self._restarting is not instance:
                self.statuses[answer.status] += 1
                if answer.status == 500:
                    self.internal_errors.append(f"{request.kind}: {answer.body[:200]!r}")
                self.slowest[request.kind] = max(self.slowest.get(request.kind, 0.0), answer.seconds)

    def _probe(self) -> None:
        while not self.is_over():
            for instance in self._instances:
                began = time.monotonic()
                try:
                    is_well = requests.get(f"{instance.management_url}/readyz", timeout=5).ok
                except requests.RequestException:
                    is_well = False
                if self._restarting is None:
                    self.slowest_probe = max(self.slowest_probe, time.monotonic() - began)
                    self.failed_probes += not is_well
            time.sleep(0.2)

    def _weigh(self) -> None:
        os.nice(_NICENESS)
        while not self.is_over():
            self.peak_mb = max(self.peak_mb, megabytes(self._instances))
            time.sleep(0.2)


def _mix(seed: int) -> Iterator[Request]:
    """Yield an aimed request, then a hostile one."""
    hostile = itertools.chain.from_iterable(stream(number, 600) for number in itertools.count(seed))
    for aimed, other in zip(aimed_requests(seed * 1_000_000), hostile, strict=False):
        yield aimed
        yield other


def megabytes(instances: Sequence[Instance]) -> float:
    """Return the memory of all processes of the instances in MB, what they share counted once (PSS)."""
    total = 0
    for instance in instances:
        for process in (instance.master, *children_of(instance.master)):
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue
            total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _percentiles(answers: Sequence[Answer]) -> tuple[float, float, float]:
    """Return the 50th, 95th and 99th percentile in milliseconds."""
    cuts = quantiles([answer.seconds * 1000 for answer in answers], n=100)
    return cuts[49], cuts[94], cuts[98]


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns how many faults were found."""
    parser = argparse.ArgumentParser("python -m tools.attacks", description=__doc__)
    parser.add_argument("--seconds", type=int, default=600)
    options = parser.parse_args(arguments)
    if not debian("haproxy"):
        return 1
    os.environ["PATH"] += ":/usr/sbin"
    faults: list[str] = []
    with Instance(_WORKERS) as one, Instance(_WORKERS) as other, haproxy(one, other) as proxy:
        instances = one, other
        for instance in instances:
            for request in itertools.islice(_mix(9), _WARM_UP_REQUESTS):
                send(instance.port, request, 2 * _MAX_SECONDS)
        good = GoodClients(proxy.port)
        time.sleep(max(20, options.seconds / 10))
        calm, rest_mb = good.stop(), megabytes(instances)
        good, attack = GoodClients(proxy.port), _Attack(instances, options.seconds)
        restarts = attack.run(proxy.restart)
        attacked = good.stop()
        time.sleep(_REST_SECONDS)
        after_mb = megabytes(instances)
        log = one.log_text + other.log_text
    lost = [answer for answer in attacked if answer.status not in (200, 503)]
    turned_away = sum(answer.status == 503 for answer in attacked)  # to try again, as the answer says
    usual, under = _percentiles(calm), _percentiles(attacked)
    if turned_away > _MAX_TURNED_AWAY * len(attacked):
        faults.append(f"{turned_away} of {len(attacked)} good requests were turned away")
    if under[-1] > 3 * usual[-1]:
        faults.append(f"the 99th percentile of good requests is {under[-1] / usual[-1]:.1f} times the usual one")
    if after_mb > _MAX_GROWTH * rest_mb:
        faults.append("the memory is not given back")
    faults += [f"lost: {answer.status} {answer.body[:200]!r}" for answer in lost[:20]]
    faults += [*attack.list_faults(), *(f"of the log: {entry[-3000:]}" for entry in log.split("Traceback")[1:4])]
    slowest = sorted(attack.slowest.items(), key=lambda item: -item[1])[:8]
    sys.stdout.write(
        f"good requests: {len(calm)} alone, p50, p95, p99 {', '.join(f'{part:.0f}' for part in usual)} ms; "
        f"{len(attacked)} under attack, {', '.join(f'{part:.0f}' for part in under)} ms, "
        f"{len(lost)} lost, {turned_away} turned away; {restarts} restarts\n"
        f"attacks: {dict(sorted(attack.statuses.items()))}; the slowest: "
        f"{', '.join(f'{kind} {seconds:.1f} s' for kind, seconds in slowest)}\n"
        f"probes: the slowest {attack.slowest_probe * 1000:.0f} ms, {attack.failed_probes} failed\n"
        f"memory of both instances, all processes: {rest_mb:.0f} MB at rest, {attack.peak_mb:.0f} MB at most, "
        f"{after_mb:.0f} MB a minute later; {log.count('ended while it answered')} requests lost with a worker\n"
    )
    sys.stdout.write("".join(f"FAULT {fault}\n" for fault in faults))
    sys.stdout.write(f"{len(faults)} faults\n")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
