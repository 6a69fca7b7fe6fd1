"""The answers that clients get through a gateway; `python -m tools.gateway` runs this."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import orjson
import pytest
import requests

from service.settings import Settings
from tools.gateway import programs
from tools.instance import Instance

LIMIT = Settings().max_body_bytes
DENSE = {"input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}
PROBLEM = "application/problem+json"
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    settings = {"PARAMCOUNT_TRUSTED_HOPS": 1, "PARAMCOUNT_TRUSTED_HEADERS": "for,proto,host,port,prefix"}
    with Instance(workers=2, settings=settings) as started:
        yield started


@pytest.fixture(scope="module", params=["nginx", "traefik"])
def gateway(request: pytest.FixtureRequest, instance: Instance) -> Iterator[str]:
    with getattr(programs, request.param)(instance) as url:
        yield url


def pad(length: int) -> bytes:
    """A model's description of a given length."""
    return orjson.dumps(DENSE).ljust(length)


def test_a_count(gateway: str) -> None:
    answer = requests.post(f"{gateway}/v1/count/native", json=DENSE, headers={"X-Request-ID": "mine-1"}, timeout=5)
    assert (answer.status_code, answer.json()["totals"]["total"]) == (200, 16)
    assert answer.headers["X-Request-ID"] == "mine-1"
    assert len(requests.get(f"{gateway}/v1/formats", timeout=5).headers["X-Request-ID"]) >= 16


def test_the_contract_states_where_the_service_is(gateway: str) -> None:
    for claimed in ({}, {"X-Forwarded-Prefix": "/elsewhere", "X-Forwarded-Host": "elsewhere"}):
        contract = requests.get(f"{gateway}/openapi.json", headers=claimed, timeout=5)
        assert contract.json()["servers"] == [{"url": "/paramcount"}]
    assert requests.get(f"{gateway}/docs", timeout=5).ok


def test_an_upload_at_the_limit(gateway: str) -> None:
    answer = requests.post(f"{gateway}/v1/count/native", pad(LIMIT), headers=JSON, timeout=30)
    assert (answer.status_code, answer.json()["totals"]["total"]) == (200, 16)


def test_an_upload_beyond_the_limit(gateway: str) -> None:
    try:
        answer = requests.post(f"{gateway}/v1/count/native", pad(LIMIT + 1), headers=JSON, timeout=30)
    except requests.ConnectionError:  # refused before all of it was sent
        return
    assert answer.status_code == 413


def test_an_upload_of_no_stated_length(gateway: str) -> None:
    answer = requests.post(f"{gateway}/v1/count/native", iter([pad(1000)] + [b" " * 1000] * 9), headers=JSON, timeout=5)
    assert (answer.status_code, answer.json()["totals"]["total"]) == (200, 16)


def test_slow_clients_stop_nobody(gateway: str) -> None:
    statuses: list[int] = []
    slow = [threading.Thread(target=lambda: statuses.append(slowly(gateway, seconds=3))) for _ in range(40)]
    for thread in slow:  # one after the other: all at once they would be turned away at their ends
        thread.start()
        time.sleep(0.05)
    longest = 0.0
    while any(thread.is_alive() for thread in slow):
        began = time.monotonic()
        assert requests.post(f"{gateway}/v1/count/native", json=DENSE, timeout=5).ok
        longest = max(longest, time.monotonic() - began)
        time.sleep(0.05)
    print(f"40 clients that send for 3 s: the longest count of another one took {longest * 1000:.0f} ms")
    assert statuses == [200] * 40
    assert longest < 1


def slowly(gateway: str, seconds: float) -> int:
    """A request whose body comes in ten parts; its status."""
    address, body = urlsplit(gateway), pad(1000)
    connection = http.client.HTTPConnection(address.netloc, timeout=30)
    connection.putrequest("POST", f"{address.path}/v1/count/native")
    for name, value in (*JSON.items(), ("Content-Length", len(body))):
        connection.putheader(name, str(value))
    connection.endheaders()
    for start in range(0, len(body), 100):
        time.sleep(seconds / 10)
        connection.send(body[start : start + 100])
    status = connection.getresponse().status
    connection.close()
    return status


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/v1/count/native", b"{", 400),
        ("GET", "/nothing", b"", 404),
        ("GET", "/v1/count", b"", 405),
        ("POST", "/v1/count/native", b'{"layers": [{"type": "Dens"}]}', 422),
    ],
)
def test_errors_of_the_service_come_as_they_are(gateway: str, method: str, path: str, body: bytes, status: int) -> None:
    answer = requests.request(method, gateway + path, data=body, headers=JSON, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
    assert answer.json()["status"] == status


@pytest.mark.parametrize("path", ["/metrics", "/livez", "/readyz"])
def test_what_is_private_stays_so(gateway: str, path: str) -> None:
    assert requests.get(gateway + path, timeout=5).status_code == 404


def test_errors_of_nginx_look_the_same(instance: Instance) -> None:
    with programs.nginx(instance) as url:
        elsewhere = requests.get(f"{url.removesuffix('/paramcount')}/elsewhere", timeout=5)
        with_no_service = requests.Response()
        instance.stop()
        try:
            with_no_service = requests.post(f"{url}/v1/count/native", json=DENSE, timeout=5)
        finally:
            instance.start()
    for answer, status in ((elsewhere, 404), (with_no_service, 503)):
        assert (answer.status_code, answer.headers["Content-Type"]) == (status, PROBLEM)
        assert answer.json()["status"] == status
    assert with_no_service.headers["Retry-After"] == "2"


def test_errors_of_traefik_say_what_is_wrong(instance: Instance) -> None:
    with programs.traefik(instance) as url:
        assert requests.get(f"{url.removesuffix('/paramcount')}/elsewhere", timeout=5).status_code == 404
        instance.stop()
        try:
            assert requests.post(f"{url}/v1/count/native", json=DENSE, timeout=5).status_code in (502, 503)
        finally:
            instance.start()
