"""The claims of the image, tried on a running container; `python -m tools.image test` runs this."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import pytest
import requests
import yaml

from paramcount.requests.settings import from_environment
from service.settings import Settings
from tools.image.bodies import LargeBody, large_bodies
from tools.image.build import BASE, IMAGE
from tools.image.containers import Container, container
from tools.image.engine import engine
from tools.install import HOUSE

_JSON = {"Content-Type": "application/json"}
DENSE = {"input_shape": [3], "layers": [{"type": "Dense", "units": 4}]}


@pytest.fixture(scope="module")
def running() -> Iterator[Container]:
    with container() as started:
        yield started


def inspect_image(image: str = IMAGE) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(engine("podman", "image", "inspect", image).stdout)[0]
    return fields


def test_it_counts_a_model(running: Container) -> None:
    answer = requests.post(f"{running.url}/v1/count/native", json=DENSE, timeout=5)
    assert (answer.status_code, answer.json()["totals"]["total"]) == (200, 3 * 4 + 4)


def test_it_answers_probes_on_another_port(running: Container) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert requests.get(f"{running.management_url}{path}", timeout=5).ok


def test_it_is_no_root_and_has_no_capability(running: Container) -> None:
    status = running.run("cat", "/proc/1/status", check=True)[1]
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Uid"].split() == ["10001"] * 4
    assert fields["Gid"].split() == ["10001"] * 4
    assert int(fields["CapEff"], 16) == int(fields["CapBnd"], 16) == 0
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")


@pytest.mark.parametrize("unwritable", ["/x", "/opt/paramcount/x", "/opt/paramcount/lib/x", "/etc/x", "/var/tmp/x"])
def test_it_cannot_write(running: Container, unwritable: str) -> None:
    status, output = running.python(f"open({unwritable!r}, 'w')")
    assert status == 1
    assert "Read-only file system" in output or "Permission denied" in output


def test_what_the_build_adds_holds_no_build_tool_and_no_machine_s_setting(running: Container) -> None:
    folder = "/opt/paramcount"
    status, output = running.python("import pip")
    assert (status, "No module named 'pip'" in output) == (1, True)
    assert running.python("import setuptools")[0] == 1
    files = running.run("find", folder, "/etc/pip.conf", "/root", "/build", "-name", "*pip*")[1]
    assert not [line for line in files.splitlines() if line.startswith((f"{folder}/lib/pip", "/etc/pip.conf/"))]
    history = engine("podman", "history", "--no-trunc", IMAGE).stdout
    assert "index-url" not in history


def test_everything_is_byte_compiled(running: Container) -> None:
    program = """
from importlib.util import cache_from_source
from pathlib import Path
for file in Path("/opt/paramcount/lib").rglob("*.py"):
    if not Path(cache_from_source(file)).exists(): print(file)
"""
    assert running.python(program) == (0, "")


def test_it_starts_without_a_shell() -> None:
    with container("--volume", "/dev/null:/usr/bin/dash:ro", "--volume", "/dev/null:/usr/bin/bash:ro") as started:
        assert started.run("/bin/sh", "-c", "true")[0] != 0
        assert requests.get(f"{started.url}/livez", timeout=5).ok


def test_its_health_check_sees_it_well_and_dead() -> None:
    with container("--network", "none", bind=False) as started:
        until = time.monotonic() + 20
        while engine("podman", "healthcheck", "run", started.name, check=False).returncode:
            assert time.monotonic() < until, started.log
            time.sleep(0.1)
    command = inspect_image()["Healthcheck"]["Test"]
    assert command[0] == "CMD"  # in exec form: no shell
    with container("--network", "none", settings={"PARAMCOUNT_MANAGEMENT_BIND": ""}, bind=False) as silent:
        assert silent.run(*command[1:])[0] == 1


def test_its_labels_say_what_it_is() -> None:
    labels = inspect_image()["Config"]["Labels"]
    assert labels["org.opencontainers.image.title"] == "paramcount"
    assert labels["org.opencontainers.image.version"] == version("paramcount")
    assert len(labels["org.opencontainers.image.revision"]) == 40


def test_it_stops_cleanly_and_soon() -> None:
    with container() as started:
        requests.post(f"{started.url}/v1/count/native", json=DENSE, timeout=5)
        status, seconds = started.stop()
        assert status == 0, started.log
        assert seconds < 3


def test_a_setting_that_is_wrong_stops_the_start() -> None:
    with container(settings={"PARAMCOUNT_MAX_DEPTH": "many"}, bind=False) as started:
        until = time.monotonic() + 20
        while started.state["Running"] and time.monotonic() < until:
            time.sleep(0.1)
        assert started.state["ExitCode"] != 0
        assert "PARAMCOUNT_MAX_DEPTH" in started.log


def test_it_survives_payloads_that_take_all_memory() -> None:
    """With the manifests' settings and limit of memory; each payload twice, so that every worker reads one at once."""
    environment = dict(line.split("=") for line in (HOUSE / "k8s/base/settings.env").read_text().splitlines())
    deployment = yaml.safe_load((HOUSE / "k8s/base/deployment.yaml").read_text())
    memory = deployment["spec"]["template"]["spec"]["containers"][0]["resources"]["limits"]["memory"]
    settings = from_environment(Settings, environment)
    with container(memory=memory.removesuffix("i"), settings=environment) as started:
        pid = started.state["Pid"]

        def post(payload: LargeBody) -> int:
            media = {"Content-Type": payload.media}
            return requests.post(started.url + payload.path, payload.body, headers=media, timeout=300).status_code

        statuses = {}
        with ThreadPoolExecutor(4) as clients:
            for payload in large_bodies(settings.max_body_bytes, settings.max_values):
                statuses[payload.name] = set(clients.map(post, [payload] * 4))
        too_long = b" " * (settings.max_body_bytes + 1)
        refused = requests.post(f"{started.url}/v1/count/native", too_long, timeout=10, headers=_JSON)
        print(f"payloads of the greatest length in {memory}: {statuses}; the peak {started.peak} MiB")
        assert refused.status_code == 413
        assert set().union(*statuses.values()) <= {200, 400, 422, 503}
        assert started.state["Pid"] == pid
        assert "Worker (pid" not in started.log, started.log  # neither killed nor replaced
        assert requests.post(f"{started.url}/v1/count/native", json=DENSE, timeout=5).ok


def test_it_is_small() -> None:
    added_bytes = inspect_image()["Size"] - inspect_image(BASE)["Size"]
    print(f"{added_bytes / 1e6:.1f} MB on top of its base")
    assert added_bytes < 70e6
