"""The cost of a request against a floor: a view that parses the same body and answers as many bytes.
The view runs in the service's application, with its ids, logs, metrics and limits, and in a bare Flask application.
All run under gunicorn as the service does, one worker each."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import NamedTuple

import orjson
from flask import Flask, Response, request

from benchmarks.bodies import Body, bodies
from benchmarks.load import Cost, ask, connect, cost
from service import app as web
from tools.instance import Instance

ANSWERS = "BENCH_ANSWERS"
ROUNDS = 11
SECONDS = 0.3
"""The length of one measurement of the service."""


class Ratio(NamedTuple):
    """The measurements of one request."""

    name: str
    received: int  # bytes
    sent: int
    first: float  # seconds of CPU, of the first request of all
    bare: float  # seconds of CPU, of that view in nothing but Flask
    floor: float  # of it in the service's application
    new: float  # of the service, for a request that is not cached, of layers that are
    other: float  # for one in sizes that are not cached
    again: float  # for one that is cached
    times: Mapping[str, float]  # each of these against the floor, and the new against bare: medians over the rounds
    noise: float  # how much two measurements of the floor in one round differ, median
    per_second: float  # requests over one connection


def create_app() -> Flask:
    """The floor in the service's own application."""
    return _add_view(web.create_app())


def create_bare() -> Flask:
    """The floor in nothing but Flask."""
    app = Flask(__name__)

    @app.get("/readyz")
    def ready() -> Response:
        return Response()

    return _add_view(app)


def _add_view(app: Flask) -> Flask:
    """Add the view. The JSON in a body is parsed, that of a header or of a line too."""
    answers = [file.read_bytes() for file in sorted(Path(os.environ[ANSWERS]).iterdir())]

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
    """Measure each request."""
    measured = bodies()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        service = stack.enter_context(Instance(1))
        to_service = connect(service.url)
        firsts = []
        for number, body in enumerate(measured):
            firsts.append(cost(to_service, service.workers, body, 1).cpu)
            Path(folder, f"{number:03}").write_bytes(ask(to_service, body))
        settings = {ANSWERS: folder}
        floor = stack.enter_context(Instance(1, settings, "benchmarks.floor:create_app()"))
        bare = stack.enter_context(Instance(1, settings, "benchmarks.floor:create_bare()"))
        to_floor, to_bare = connect(floor.url), connect(bare.url)
        for number, body in enumerate(measured):
            sent = Path(folder, f"{number:03}").stat().st_size
            least = body._replace(path=f"/{number}{body.path}")
            times = max(3, min(2000, int(SECONDS / cost(to_service, service.workers, body, 3).cpu)))
            rounds = [
                _Round(
                    cost(to_bare, bare.workers, least, times),
                    cost(to_floor, floor.workers, least, times),
                    cost(to_service, service.workers, body, times),
                    cost(to_service, service.workers, body, times, "other"),
                    cost(to_service, service.workers, body, times, "again"),
                    cost(to_floor, floor.workers, least, times),
                )
                for _ in range(ROUNDS)
            ]
            yield _ratio(body, sent, firsts[number], rounds)


class _Round(NamedTuple):
    bare: Cost
    before: Cost  # the floor, before the service
    new: Cost
    other: Cost
    again: Cost
    after: Cost

    @property
    def floor(self) -> float:
        return (self.before.cpu + self.after.cpu) / 2


def _ratio(body: Body, sent: int, first: float, rounds: list[_Round]) -> Ratio:
    return Ratio(
        body.name,
        len(body.raw),
        sent,
        first,
        median(each.bare.cpu for each in rounds),
        median(each.floor for each in rounds),
        median(each.new.cpu for each in rounds),
        median(each.other.cpu for each in rounds),
        median(each.again.cpu for each in rounds),
        {
            "new/floor": median(each.new.cpu / each.floor for each in rounds),
            "new/bare": median(each.new.cpu / each.bare.cpu for each in rounds),
            "other/floor": median(each.other.cpu / each.floor for each in rounds),
            "again/floor": median(each.again.cpu / each.floor for each in rounds),
        },
        median(max(each.before.cpu, each.after.cpu) / min(each.before.cpu, each.after.cpu) - 1 for each in rounds),
        1 / median(each.new.wall for each in rounds),
    )
