"""Access: tokens, their rotation, and too many requests at once."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from paramcount.requests.settings import InvalidSetting
from service.app import create_app
from service.settings import Settings
from tests.service.conftest import serve
from tests.service.contract import assert_conforms


def test_a_request_too_many_is_turned_away_and_probes_are_not() -> None:
    app = create_app(Settings(max_concurrent=1))
    with app.test_request_context("/v1/formats"):
        assert app.preprocess_request() is None  # one is being answered
        busy = app.test_client().get("/v1/formats")
        assert busy.status_code == 503
        assert busy.headers["Retry-After"] == "1"
        assert app.test_client().get("/livez").status_code == 200
    assert app.test_client().get("/v1/formats").status_code == 200


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    file = tmp_path / "tokens"
    file.write_text(f"# who: what\ndashboard:{hashlib.sha256(b'secret').hexdigest()}\n")
    return file


PUBLIC = {"/", "/docs", "/docs/start.js", "/page/app.js", "/openapi.json", "/openapi.yaml", "/livez", "/readyz"}


def test_every_route_asks_for_a_token_but_probes_and_what_a_browser_needs_to_ask_for_one(tokens: Path) -> None:
    client = serve(tokens_file=str(tokens))
    for rule in client.application.url_map.iter_rules():
        path = (
            str(rule)
            .replace("<name>", "native")
            .replace("<kind>", "Dense")
            .replace("<registry>", "mlflow")
            .replace("page/<path:name>", "page/app.js")
            .replace("<path:name>", "start.js")
        )
        (method,) = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        status = client.open(path, method=method, buffered=True).status_code
        assert status == (200 if path in PUBLIC else 401), path
    assert client.get("/nothing").status_code == 401


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic secret", "secret", "Bearer \udcff"]
)
def test_a_wrong_token(tokens: Path, authorization: str) -> None:
    answer = serve(tokens_file=str(tokens)).get("/v1/formats", headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert_conforms("Problem", answer.json)


def test_a_token_and_its_rotation(tokens: Path) -> None:
    client = serve(tokens_file=str(tokens))

    def status(token: str) -> int:
        return client.get("/v1/formats", headers={"Authorization": f"Bearer {token}"}).status_code

    assert (status("secret"), status("newer")) == (200, 401)
    tokens.write_text(f"dashboard: {hashlib.sha256(b'newer').hexdigest()}\n")
    os.utime(tokens, ns=(1, 1))
    assert (status("secret"), status("newer")) == (401, 200)
    tokens.unlink()
    assert status("newer") == 200  # a moment without the file locks nobody out


@pytest.mark.parametrize("text", ["dashboard:secret\n", "dashboard\n", ":\n"])
def test_a_tokens_file_that_stops_the_start(tokens: Path, text: str) -> None:
    tokens.write_text(text)
    with pytest.raises(InvalidSetting, match="line 1"):
        serve(tokens_file=str(tokens))
    with pytest.raises(InvalidSetting, match="cannot be read"):
        serve(tokens_file="/absent")
