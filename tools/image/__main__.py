"""`python -m tools.image build [--base IMAGE]` builds localhost/paramcount; `test` also tries what it claims."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

import pytest

from tools.image.build import IMAGE, build, load
from tools.install import HOUSE, debian, pypi


def main() -> int:
    """Install what is missing, build, and test where that is asked."""
    parser = argparse.ArgumentParser("python -m tools.image", description=__doc__)
    parser.add_argument("command", choices=("build", "test"))
    parser.add_argument("--base", help="the base image; without one, a Debian with Python is made")
    options = parser.parse_args()
    if not debian("buildah", "podman", "runc", "mmdebstrap", "ca-certificates"):
        return 1
    folder = Path(__file__).parent
    if options.command == "test":
        subprocess.run([pypi(folder / "requirements.txt") / "hadolint", HOUSE / "Dockerfile"], check=True)
    build(options.base)
    if options.command == "build":
        sys.stdout.write(f"{IMAGE} is built; `{load()} images` lists it\n")
        return 0
    return pytest.main(["-n0", "-rA", "--no-header", "-p", "no:cacheprovider", str(folder)])


if __name__ == "__main__":
    sys.exit(main())
