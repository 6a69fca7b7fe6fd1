"""The pins: each is a version with the hashes of its files, and they are what pyproject.toml asks for."""

from __future__ import annotations

import re
import tomllib

import pytest

from tools.install import HOUSE
from tools.supply.__main__ import PINS

_PIN = re.compile(r"([a-z0-9-]+)==([\w.]+)( ; [^\\]+)? \\\n((?:    --hash=sha256:[0-9a-f]{64}(?: \\)?\n)+)(    #.*\n)*")


def pins(name: str) -> dict[str, str]:
    """The versions by package. Raises AssertionError for a line that belongs to no pin."""
    text = (PINS / name).read_text()
    assert not _PIN.sub("", text)
    return {pin[1]: pin[2] for pin in _PIN.finditer(text)}


@pytest.mark.parametrize("name", ["build.txt", "dev.txt", "run.txt"])
def test_every_pin_has_hashes_and_none_has_an_address(name: str) -> None:
    assert pins(name)
    assert "://" not in (PINS / name).read_text()


def test_the_image_runs_what_was_tested() -> None:
    assert pins("run.txt").items() <= pins("dev.txt").items()


def test_every_requirement_is_pinned() -> None:
    project = tomllib.loads((HOUSE / "pyproject.toml").read_text())
    for name, requirements in {
        "build.txt": project["build-system"]["requires"],
        "run.txt": project["project"]["dependencies"],
        "dev.txt": sum(project["project"]["optional-dependencies"].values(), project["project"]["dependencies"]),
    }.items():
        packages = {re.split(r"[\[<>=]", requirement)[0].lower() for requirement in requirements}
        assert packages <= pins(name).keys(), name
