"""The packages that a check needs, installed when missing: Debian's, and PyPI's in a folder of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HOUSE = Path(__file__).parents[1]


def debian(*packages: str) -> bool:
    """Return whether Debian's packages are there; with INSTALL=1 install them first, their services not started."""
    if shutil.which("dpkg-query") is None:
        sys.stderr.write(f"*** NOT LOOKED FOR: {', '.join(packages)}: this is no Debian ***\n")
        return False
    listed = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *packages],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.splitlines()
    missing = sorted(
        set(packages) - {line.removesuffix(" installed") for line in listed if line.endswith(" installed")}
    )
    if not missing:
        return True
    if os.environ.get("INSTALL") != "1":
        sys.stderr.write(f"*** MISSING: {', '.join(missing)}: make with INSTALL=1 installs them with apt-get ***\n")
        return False
    root = [] if os.geteuid() == 0 else ["sudo"]
    quiet = [*root, "env", "DEBIAN_FRONTEND=noninteractive", "RUNLEVEL=1", "apt-get", "-qq"]
    try:
        subprocess.run([*quiet, "update"], check=True, stdout=subprocess.DEVNULL)
        subprocess.run([*quiet, "install", "--no-install-recommends", *missing], check=True, stdout=subprocess.DEVNULL)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"*** CANNOT BE HAD: {', '.join(missing)} ({error}): what needs them is not tried ***\n")
        return False
    return True


def pypi(requirements: Path) -> Path:
    """An environment that holds the requirements of a file; returns its folder of programs."""
    folder = HOUSE / f".venv-{requirements.parent.name}"
    done = folder / ".done"
    if not done.exists() or done.read_bytes() != requirements.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run(
            [folder / "bin/pip", "install", "-qq", "--disable-pip-version-check", "--requirement", requirements],
            check=True,
        )
        done.write_bytes(requirements.read_bytes())
    return folder / "bin"
