"""`python -m tools.faults`: load with faults, through haproxy; it installs haproxy when it is missing."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tools.install import debian


def main() -> int:
    """Install what is missing, and run the tests; without haproxy, the others."""
    debian("haproxy")
    os.environ["PATH"] += ":/usr/sbin"
    return pytest.main(["-n0", "-rA", "--no-header", "-p", "no:cacheprovider", str(Path(__file__).parent)])


if __name__ == "__main__":
    sys.exit(main())
