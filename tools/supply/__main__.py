"""`python -m tools.supply pins|sbom|audit`: renew the pins, write a bill of materials, look for vulnerabilities."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from tools.install import HOUSE, pypi

PINS = HOUSE / "tools/pins"
SBOM = HOUSE / "dist/paramcount.cdx.json"

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_SOURCES = {
    "build.txt": ("-",),  # what builds the wheel: pyproject.toml's [build-system]
    "dev.txt": ("pyproject.toml", "--extra", "dev", "--extra", "otel"),
    "run.txt": ("pyproject.toml", "--constraint", "tools/pins/dev.txt"),
}


def main() -> int:
    """Run one command."""
    parser = argparse.ArgumentParser("python -m tools.supply", description=__doc__)
    parser.add_argument("command", choices=("pins", "sbom", "audit"))
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions")
    options = parser.parse_args()
    programs = pypi(Path(__file__).parent / "requirements.txt")
    if options.command == "pins":
        return renew_pins(programs, upgrade=options.upgrade)
    return write_sbom(programs) if options.command == "sbom" else audit(programs)


def renew_pins(programs: Path, *, upgrade: bool) -> int:
    """Pin what pyproject.toml asks for, for every Python and system, each file of a release by its hash."""
    certificates = {"SSL_CERT_FILE": str(_CERTIFICATES)} if _CERTIFICATES.exists() else {}
    for name, sources in _SOURCES.items():
        command = [str(programs / "uv"), "pip", "compile", "--quiet", "--no-header", "--universal"]
        command += ["--python-version", "3.11", "--generate-hashes", "--output-file", f"tools/pins/{name}", *sources]
        subprocess.run(
            command + ["--upgrade"] * upgrade, input="setuptools>=77\n", text=True, cwd=HOUSE,
            env=os.environ | certificates, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return 0


def write_sbom(programs: Path) -> int:
    """Install what the image installs, and write what that is as CycloneDX."""
    folder = HOUSE / ".venv-sbom"
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", folder / "bin/python", "install", "--quiet"]
    subprocess.run([*pip, "--require-hashes", "--requirement", PINS / "run.txt"], check=True)
    SBOM.parent.mkdir(exist_ok=True)
    command: list[str | Path] = [programs / "cyclonedx-py", "environment", "--pyproject", HOUSE / "pyproject.toml"]
    subprocess.run([*command, "--output-reproducible", "--output-file", SBOM, folder / "bin/python"], check=True)
    shutil.rmtree(folder)
    sys.stdout.write(f"{SBOM.relative_to(HOUSE)} lists the Python packages of the image, but not those of its base\n")
    return 0


def audit(programs: Path) -> int:
    """Look the pins up among known vulnerabilities; 1 where there are some, 2 where that cannot be known."""
    command: list[str | Path] = [
        programs / "pip-audit",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
    ]
    command += [part for name in _SOURCES for part in ("--requirement", PINS / name)]
    done = subprocess.run([*command, "--format", "json"], check=False, capture_output=True, text=True)
    packages = json.loads(done.stdout)["dependencies"] if done.stdout else []
    known = [package for package in packages if "vulns" in package]
    for package in known:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            sys.stdout.write(f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}\n")
    sys.stdout.write(f"{len(known)} of {len(packages)} packages audited\n")
    if not packages or len(known) < len(packages):
        sys.stderr.write(f"{done.stderr[-500:]}\n*** NOT AUDITED: advisories cannot be reached from here ***\n")
        return 2
    return int(any(package["vulns"] for package in known))


if __name__ == "__main__":
    sys.exit(main())
