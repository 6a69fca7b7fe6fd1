"""`python -m tools.gateway`: nginx and Traefik, with the configurations of examples/gateway, before the service."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.install import debian, pypi


def main() -> int:
    """Install what is missing, and run the tests."""
    if not debian("nginx-light"):
        return 1
    folder = Path(__file__).parent
    os.environ["PATH"] = f"{pypi(folder / 'requirements.txt')}:{os.environ['PATH']}:/usr/sbin"
    return pytest.main(["-n0", "-rA", "--no-header", "-p", "no:cacheprovider", str(folder)])


if __name__ == "__main__":
    sys.exit(main())
