"""Metrics for Prometheus: requests, durations, sizes, counted layers; summed over gunicorn's workers."""

from __future__ import annotations

import os
from functools import cache

from flask import Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from paramcount.model.errors import Problems, UnknownLayer

REQUESTS = Counter("paramcount_requests", "Requests answered.", ["route", "method", "status"])
DURATION = Histogram(
    "paramcount_request_duration_seconds",
    "From the request's first byte in the worker to the answer.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
BODY = Histogram(
    "paramcount_request_body_bytes",
    "The length of requests' bodies, as sent.",
    buckets=tuple(4**power for power in range(3, 14)),
)
COUNTED = Counter("paramcount_counted_layers", "Rows of reports.", ["format"])
UNKNOWN = Counter("paramcount_unknown_layers", "Layers of types that are not registered.", ["type"])
WORKERS = Gauge("paramcount_workers", "Workers that run.", multiprocess_mode="livesum")

_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))

MAX_TYPES = 50
"""Unknown types that get a label of their own in a worker; a payload may name anything, so the rest is "other"."""

_labelled_types: set[str] = set()


_requests, _durations, _rows = cache(REQUESTS.labels), cache(DURATION.labels), cache(COUNTED.labels)


def count_rows(format_name: str, rows: int) -> None:
    """Count the rows of a report."""
    _rows(format_name).inc(rows)


def count_unknown_layers(problems: Problems) -> None:
    """Count the layers of unknown types among the problems of a payload."""
    for error in problems.problems:
        if isinstance(error, UnknownLayer):
            if len(_labelled_types) < MAX_TYPES and error.name.isidentifier() and len(error.name) <= 64:
                _labelled_types.add(error.name)
            UNKNOWN.labels(error.name if error.name in _labelled_types else "other").inc()


def render() -> bytes:
    """Return the metrics of all workers, in Prometheus' text format."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def scrape() -> Response:
    """Return the metrics as a response."""
    return Response(render(), content_type=CONTENT_TYPE_LATEST)


def observe(request: Request, response: Response, route: str, seconds: float) -> None:
    """Record an answered request."""
    method = request.method if request.method in _METHODS else "other"  # a client may name any
    _requests(route, method, response.status_code).inc()
    _durations(route).observe(seconds)
    if length := request.content_length:
        BODY.observe(length)
