"""Requests in flight: the master logs those of a worker that is killed."""

from __future__ import annotations

import os
import signal
import socket
import time

from service.middleware.in_flight import InFlight
from tools.instance import Instance


def test_the_master_sees_what_a_worker_notes() -> None:
    requests = InFlight()
    requests.reserve(3)
    view = requests.share()
    requests.begin(0, "a" * 128, "/v1/count/<name>")
    requests.begin(2, "b", "é" + "/x" * 200)
    assert [text[:8] for text in view] == ["aaaaaaaa", "b ?/x/x/"]
    requests.begin(0, "c", "/")
    requests.end(2)
    assert list(view) == ["c /"]
    requests.share()
    assert list(requests) == []
    assert list(view) == ["c /"]


def test_a_killed_worker_leaves_a_line_for_each_request() -> None:
    with Instance(workers=1) as instance, socket.create_connection(("127.0.0.1", instance.port)) as connection:
        connection.sendall(
            b"POST /v1/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nX-Request-ID: lost-1\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        time.sleep(0.5)
        (worker,) = instance.workers
        os.kill(worker, signal.SIGKILL)
        until = time.monotonic() + 5
        while (line := f"(pid:{worker}) ended while it answered request lost-1 /v1/batch") not in instance.log_text:
            assert time.monotonic() < until, instance.log_text
            time.sleep(0.05)
        assert instance.log_text.count("ended while it answered") == instance.log_text.count(line) == 1
