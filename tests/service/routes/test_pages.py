"""The pages for people: the index in a browser, and the documentation."""

from __future__ import annotations

import json
import re

import brotli
import pytest
from flask.testing import FlaskClient

from tests.service.conftest import serve

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def get_page(client: FlaskClient, path: str = "/") -> str:
    return client.get(path, headers={"Accept": BROWSER}).text


@pytest.mark.parametrize(
    ("accept", "media"),
    [
        (BROWSER, "text/html; charset=utf-8"),
        ("text/html", "text/html; charset=utf-8"),
        ("*/*", "application/json"),
        ("", "application/json"),
        ("application/json", "application/json"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/plain", "application/json"),
        ("image/png", "application/json"),
    ],
)
def test_the_index_is_a_page_for_browsers_alone(client: FlaskClient, accept: str, media: str) -> None:
    answer = client.get("/", headers={"Accept": accept} if accept else {})
    assert (answer.status_code, answer.content_type) == (200, media)
    assert "Accept" in answer.headers["Vary"]


def test_the_page_runs_files_of_the_service_alone(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Accept": BROWSER})
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    addresses = re.findall(r'(?:src|href)="([^"]*)"', answer.text)
    assert not [address for address in addresses if address.startswith("/") or "//" in address]
    assert not re.search(r"<script(?![^>]* (src|type=\"application/json\"))|<style|style=|\son\w+=", answer.text)
    for address in addresses:
        if address != "data:,":
            assert client.get(f"/{address}", buffered=True).status_code == 200, address
    choices = json.loads(re.findall(r'id="choices">(.*?)</script>', answer.text)[0])
    assert "adamw" in choices["optimizers"]


def test_the_first_paint_is_small(client: FlaskClient) -> None:
    total = 0
    for address in ("", *re.findall(r'(?:src|href)="(page/[^"]*)"', get_page(client))):
        answer = client.get(f"/{address}", headers={"Accept": BROWSER, "Accept-Encoding": "br"}, buffered=True)
        assert answer.headers["Content-Encoding"] == "br"
        total += len(answer.data)
    assert total < 100_000


def test_the_docs_are_compressed(client: FlaskClient) -> None:
    answer = client.get("/docs/swagger-ui-bundle.js", headers={"Accept-Encoding": "br"}, buffered=True)
    assert answer.headers["Content-Encoding"] == "br"
    assert len(answer.data) < 500_000
    assert b"SwaggerUIBundle" in brotli.decompress(answer.data)


@pytest.mark.parametrize("name", ["../app.py", "..%2Fapp.py", "absent.js", "../../page.py"])
def test_no_other_file_is_served(client: FlaskClient, name: str) -> None:
    assert client.get(f"/page/{name}").status_code == 404
    assert client.get(f"/docs/{name}").status_code == 404


def test_under_a_base_path() -> None:
    client = serve(base_path="/tools/count")
    answer = client.get("/tools/count", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.headers["Location"]) == (308, "http://localhost/tools/count/")
    page = get_page(client, "/tools/count/")
    for address in re.findall(r'(?:src|href)="(page/[^"]*)"', page):
        assert client.get(f"/tools/count/{address}", buffered=True).status_code == 200
