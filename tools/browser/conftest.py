"""The service, a browser, and pages of it; whatever a page asks for elsewhere, or logs as an error, fails its test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from tools.instance import Instance

_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def service() -> Iterator[Instance]:
    with Instance(workers=1) as instance:
        yield instance


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=_ARGUMENTS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser, service: Instance) -> Iterator[Open]:
    """Return a function that opens the page, or another address, in a window of its own."""
    contexts: list[Any] = []
    complaints: list[str] = []
    origins: list[str] = []

    def open_at(url: str = "", **options: Any) -> Page:
        url = url or f"{service.url}/"
        origins.append(url.rpartition("/")[0])
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 900}} | options)
        contexts.append(context)
        page: Page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", _check_message)
        page.on("request", lambda request: _check_address(request.url))
        page.goto(url)
        return page

    def _check_message(message: ConsoleMessage) -> None:
        if message.type == "error" and "status of 4" not in message.text:  # every answer that is a problem
            complaints.append(message.text)

    def _check_address(url: str) -> None:
        if not url.startswith((*origins, "data:", "blob:")):
            complaints.append(f"asks for {url}")

    yield open_at
    for context in contexts:
        context.close()
    assert not complaints


@pytest.fixture(scope="session")
def examples() -> Path:
    return Path(__file__).parents[2] / "examples"
