"""paramcount serve: its own options, and hints for words that it does not know."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from paramcount.requests.settings import InvalidSetting, check_names
from service.settings import Settings
from tests.cli.conftest import Run


def serve(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command, which ends at once as it is refused."""
    command = [sys.executable, "-m", "paramcount", "serve", *arguments]
    return subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["8122"], "serve takes no 8122: did you mean --port 8122?"),
        (["--prot", "8122"], 'serve has no option --prot; did you mean "--port"?'),
        (["--worker", "2"], 'serve has no option --worker; did you mean "--workers"?'),
        (["start"], "serve takes no start: see paramcount serve --help"),
        (["--port", "x"], "argument --port: invalid int value: 'x'"),
    ],
)
def test_a_wrong_word_gets_a_hint(run: Run, arguments: list[str], message: str) -> None:
    ran = run("serve", *arguments)
    assert ran.status == 2
    assert ran.err.rstrip().endswith(message)


def test_help_is_of_this_command(run: Run) -> None:
    ran = run("serve", "--help")
    assert ran.status == 0
    assert "--port PORT" in ran.out
    assert "8000 is the default" in ran.out
    assert ":ref:" not in ran.out


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"PARAMCOUNT_MAX_DEEPTH": "50"}, 'PARAMCOUNT_MAX_DEEPTH is no setting; did you mean "PARAMCOUNT_MAX_DEPTH"?'),
        ({"PARAMCOUNT_TOKENS_FILE": "/absent"}, "PARAMCOUNT_TOKENS_FILE: /absent cannot be read: No such file"),
    ],
)
def test_a_wrong_setting_stops_the_start_in_one_line(environment: dict[str, str], message: str) -> None:
    ran = serve("--port", "0", **environment)
    assert ran.returncode
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_variables_of_kubernetes_are_no_settings() -> None:
    check_names(Settings, {"PARAMCOUNT_SERVICE_HOST": "10.0.0.1", "PARAMCOUNT_PORT_8000_TCP_ADDR": "10.0.0.1"})
    check_names(Settings, {"PARAMCOUNT_PORT": "tcp://10.0.0.1:80", "PARAMCOUNT_SERVICE_PORT_HTTP": "80"})
    for name in ("PARAMCOUNT_PORTS", "PARAMCOUNT_", "PARAMCOUNT_max_depth"):
        with pytest.raises(InvalidSetting, match=f"{name} is no setting"):
            check_names(Settings, {name: "1"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.json"], "there is no command model.json; did you mean: paramcount count model.json?"),
        (["cuont", "model.json"], 'there is no command cuont; did you mean "count"?'),
        (["count", "model.json", "--frezze", "*"], 'count has no option --frezze; did you mean "--freeze"?'),
        (["compare", "a", "b", "--exit-cod"], 'compare has no option --exit-cod; did you mean "--exit-code"?'),
        (["batch", "a", "--deph=3"], 'batch has no option --deph=3; did you mean "--depth"?'),
    ],
)
def test_commands_have_hints_too(run: Run, arguments: list[str], message: str) -> None:
    ran = run(*arguments)
    assert ran.status == 2
    assert message in ran.err
