"""The set-up of every test: registries filled and closed as at the service's start, with the example plug-in."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tomllib
from pathlib import Path
from tempfile import mkdtemp

from hypothesis import settings

from paramcount.schema.registry import PLUGINS, load_plugins

EXAMPLE = Path(__file__).parent / "examples/plugin"


def install_example() -> None:
    """Let the example plug-in be found by its entry point, as if pip had installed it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    folder = Path(mkdtemp(prefix="paramcount-plugin-"))
    atexit.register(shutil.rmtree, folder)
    info = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    lines = [f"{name} = {module}\n" for name, module in project["entry-points"][PLUGINS].items()]
    (info / "entry_points.txt").write_text(f"[{PLUGINS}]\n{''.join(lines)}")
    sys.path[:0] = [str(EXAMPLE), str(folder)]


install_example()
load_plugins()
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("person", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "person")


def pytest_xdist_auto_num_workers() -> int:
    """Return one more than the cores: some tests wait for a service that runs beside them."""
    return (os.cpu_count() or 1) + 1
