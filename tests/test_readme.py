"""The README's commands are run, and their output is compared with what it shows."""

from __future__ import annotations

import doctest
import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import requests

from paramcount.requests.settings import PREFIX
from service.settings import Settings
from tests.builders.waiting import wait_until

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ (.*?)\n```", README, re.DOTALL)
SESSIONS = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "paramcount", "serve", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as server:
        url = f"http://127.0.0.1:{port}"
        for _ in range(100):
            try:
                requests.get(f"{url}/readyz", timeout=5)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        try:
            yield url
        finally:
            server.terminate()
            server.communicate(timeout=30)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example[:40])
def test_an_example(example: str, address: str) -> None:
    # The command ends where its answer begins: at the first line that is not its continuation.
    lines = example.split("\n")
    quotes = 0
    for number, line in enumerate(lines, 1):  # noqa: B007 # used after the loop
        quotes += line.count("'")
        if quotes % 2 == 0:
            break
    command, shown = "\n".join(lines[:number]), "\n".join(lines[number:])
    command = command.replace("http://127.0.0.1:8000", address)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    ran = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env={**os.environ, "PATH": path}, capture_output=True, check=True
    )
    got = ran.stdout.decode().rstrip("\n")
    if shown.startswith("{"):
        assert json.loads(got) == json.loads(shown)
    else:
        assert re.fullmatch(re.escape(shown).replace(r"\.\.\.", ".*"), got, re.DOTALL), got


class _Checker(doctest.OutputChecker):
    """Compares what a statement printed, but for line ends after it."""

    def check_output(self, want: str, got: str, optionflags: int) -> bool:
        return super().check_output(want.rstrip("\n"), got.rstrip("\n"), optionflags)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session[:40])
def test_a_python_session(session: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    examples = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
    results = doctest.DocTestRunner(_Checker(), verbose=False).run(examples)
    assert results.attempted
    assert not results.failed


def test_metrics_are_summed_over_the_workers(address: str) -> None:
    for _ in range(20):
        requests.get(f"{address}/v1/limits", headers={"Connection": "close"}, timeout=5)
    wait_until(lambda: "paramcount_workers 2.0" in _read_metrics(address))  # the second worker may start later
    assert 'paramcount_requests_total{method="GET",route="/v1/limits",status="200"} 20.0' in _read_metrics(address)


def _read_metrics(address: str) -> str:
    return requests.get(f"{address}/metrics", timeout=5).text


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
    assert SESSIONS


def test_every_setting_is_listed() -> None:
    defaults = dict(re.findall(rf"`{PREFIX}(\w+)` \| ([\w,]*)", README))
    assert defaults == {
        f.name.upper(): ",".join(f.default) if isinstance(f.default, tuple) else str(f.default)
        for f in fields(Settings)
    }


def test_every_link_leads_somewhere() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
