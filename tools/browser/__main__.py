"""`python -m tools.browser`: the service's page in Chromium, with axe-core from the npm registry."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tools.install import HOUSE, debian, pypi

FOLDER = Path(__file__).parent
NODE_FOLDER = HOUSE / ".venv-browser/node"
AXE = NODE_FOLDER / "node_modules/axe-core/axe.min.js"


def main() -> int:
    """Install what is missing, and run the tests."""
    packages = ["chromium", *(["npm"] if shutil.which("npm") is None else [])]
    if not debian(*packages):
        return 1
    programs = pypi(FOLDER / "requirements.txt")
    sys.path.append(sysconfig.get_path("purelib", vars={"base": str(programs.parent)}))  # playwright
    if not AXE.exists():
        NODE_FOLDER.mkdir(exist_ok=True)
        shutil.copy(FOLDER / "package.json", NODE_FOLDER)
        install = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"]
        subprocess.run(install, cwd=NODE_FOLDER, check=True)
    return pytest.main(["-n0", "-rA", "--no-header", "-p", "no:cacheprovider", str(FOLDER), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
