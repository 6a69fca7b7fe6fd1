"""What a request costs against the least that a service in Flask can cost: it parses the body, and answers as many
bytes. Both run under gunicorn as the service does, one worker each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

import orjson
from flask import Flask, Response, request

from benchmarks.bodies import Body, bodies
from benchmarks.load import Cost, ask, connected, cost
from tools.instance import Instance

ANSWERS = "PARAMCOUNT_BENCH_ANSWERS"
ROUNDS = 7
SECONDS = 0.3
"""How long one measurement of the service takes."""


class Ratio(NamedTuple):
    """What was measured of one request."""

    name: str
    received: int  # bytes
    sent: int
    first: float  # seconds of CPU, of the first request of all
    floor: float  # seconds of CPU
    ours: float
    times: float  # the floor's CPU, median over the rounds
    again: float  # seconds of CPU, of a request that was answered before
    times_again: float
    noise: float  # how much two measurements of the floor in one round differ, median
    per_second: float  # requests over one connection


def create_app() -> Flask:
    """The floor. Where a body is no JSON, its JSON is parsed all the same: a header's, a line's."""
    app = Flask(__name__)
    answers = [file.read_bytes() for file in sorted(Path(os.environ[ANSWERS]).iterdir())]

    @app.get("/readyz")
    def ready() -> Response:
        return Response()

    @app.post("/<int:number>/<path:_>")
    def answer(number: int, _: str) -> Response:
        body = request.get_data()
        if request.mimetype == "application/json":
            orjson.loads(body)
        elif request.mimetype == "application/octet-stream":
            orjson.loads(body[8:])
        elif request.mimetype == "application/x-ndjson":
            for line in body.splitlines():
                orjson.loads(line)
        return Response(answers[number], content_type="application/json")

    return app


def ratios() -> Iterator[Ratio]:
    """Each request, measured."""
    measured = bodies()
    with tempfile.TemporaryDirectory() as folder, Instance(1) as service:
        ours = connected(service.url)
        firsts = []
        for number, body in enumerate(measured):
            cold = cost(ours, service.workers, body, 1)
            firsts.append(cold.cpu)
            Path(folder, f"{number:03}").write_bytes(ask(ours, body))
        settings = {ANSWERS: folder}
        with Instance(1, settings, "benchmarks.floor:create_app()") as least:
            floor = connected(least.url)
            for number, body in enumerate(measured):
                sent = Path(folder, f"{number:03}").stat().st_size
                least_url = body._replace(path=f"/{number}{body.path}")
                times = max(3, min(2000, int(SECONDS / cost(ours, service.workers, body, 3).cpu)))
                found = [
                    (
                        cost(floor, least.workers, least_url, times),
                        cost(ours, service.workers, body, times),
                        cost(ours, service.workers, body, times, again=True),
                        cost(floor, least.workers, least_url, times),
                    )
                    for _ in range(ROUNDS)
                ]
                yield _ratio(body, sent, firsts[number], found)


def _ratio(body: Body, sent: int, first: float, found: list[tuple[Cost, Cost, Cost, Cost]]) -> Ratio:
    floors = [(before.cpu + after.cpu) / 2 for before, _, _, after in found]
    return Ratio(
        body.name,
        len(body.raw),
        sent,
        first,
        median(floors),
        median(new.cpu for _, new, _, _ in found),
        median(new.cpu / floor for floor, (_, new, _, _) in zip(floors, found, strict=True)),
        median(again.cpu for _, _, again, _ in found),
        median(again.cpu / floor for floor, (_, _, again, _) in zip(floors, found, strict=True)),
        median(max(a.cpu, b.cpu) / min(a.cpu, b.cpu) - 1 for a, _, _, b in found),
        1 / median(new.wall for _, new, _, _ in found),
    )
