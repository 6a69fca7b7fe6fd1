"""Build the image, on a base that Debian's packages make where no registry has one."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tools.image.engine import STORE, engine
from tools.install import HOUSE

IMAGE = "localhost/paramcount"
BASE = "localhost/python:3.13-slim"

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def build(base: str | None) -> None:
    """Build IMAGE on `base`; without one, on a Debian with Python and nothing else."""
    if base is None:
        base = BASE
        make_base()
    engine(
        *("buildah", "build", "--isolation", "chroot", "--network", "host", "--format", "docker", "--layers"),
        *("--secret", f"id=pip,src={_pip_settings()}", "--secret", f"id=certificates,src={_CERTIFICATES}"),
        *("--build-arg", f"BASE_IMAGE={base}", "--build-arg", f"VERSION={version('paramcount')}"),
        *("--build-arg", f"REVISION={_revision()}", "--tag", IMAGE, str(HOUSE)),
    )


def load() -> str:
    """Load IMAGE into the store of docker, or of podman where docker does not answer; return which."""
    archive = STORE / "image.tar"
    archive.unlink(missing_ok=True)
    engine("podman", "save", "--format", "docker-archive", "--output", str(archive), IMAGE)
    program = "podman"
    if shutil.which("docker"):
        done = subprocess.run(["docker", "info"], check=False, capture_output=True)  # a client may have no daemon
        program = "podman" if done.returncode else "docker"
    subprocess.run([program, "load", "--quiet", "--input", archive], check=True, stdout=subprocess.DEVNULL)
    archive.unlink()
    return program


def make_base() -> None:
    """BASE, kept for the next time: Debian's smallest system with Python 3.13."""
    if engine("buildah", "images", BASE, check=False).returncode == 0:
        return
    archive = STORE / "base.tar"
    packages = "--include=python3,python3-venv,ca-certificates"
    engine("mmdebstrap", "--quiet", "--variant=minbase", packages, "trixie", str(archive), _mirror())
    container = engine("buildah", "from", "scratch").stdout.strip()
    engine("buildah", "add", container, str(archive), "/")
    engine("buildah", "config", "--env", "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", container)
    engine("buildah", "commit", "--rm", container, BASE)
    archive.unlink()


def _mirror() -> str:
    """Return where this machine gets its Debian packages from."""
    sources = [Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*.sources"))]
    for source in filter(Path.exists, sources):
        if mirror := re.search(r"^(?:URIs:|deb(?: \[.*?\])?)\s+(\S+/debian/?)\s*$", source.read_text(), re.MULTILINE):
            return mirror[1]
    raise RuntimeError("no mirror of Debian in apt's sources")


def _pip_settings() -> Path:
    """This machine's settings of pip as a file; a secret of the build, so no layer ever holds it."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    settings = configparser.RawConfigParser()
    for section, name, value in re.findall(r"^(\S+?)\.([\w-]+)='(.*)'$", listed, re.MULTILINE):
        table = "global" if section == ":env:" else section
        if name not in ("cert", "constraint"):  # files of this machine; the certificates come in at their usual place
            settings.read_dict({table: {name: value.replace("\\n", "\n")}})
    file = STORE / "pip.conf"
    file.touch(mode=0o600)
    with file.open("w") as opened:
        settings.write(opened)
    return file


def _revision() -> str:
    git = subprocess.run(["git", "rev-parse", "HEAD"], cwd=HOUSE, capture_output=True, text=True, check=False)
    return git.stdout.strip() or "unknown"
