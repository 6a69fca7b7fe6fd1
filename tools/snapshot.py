"""openapi.yaml: the contract of the built-ins as a file. `--check` fails when it has drifted from what is served."""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path

from paramcount.schema import registry

FILE = Path(__file__).parents[1] / "openapi.yaml"


def main() -> int:
    """Write the snapshot, or compare it."""
    registry.load_built_ins()
    from service.app import build_app  # noqa: PLC0415 # after the registries are filled
    from service.contract.openapi import render_yaml  # noqa: PLC0415
    from service.settings import Settings  # noqa: PLC0415

    served, written = render_yaml(build_app(Settings())), FILE.read_text() if FILE.exists() else ""
    if "--check" not in sys.argv:
        FILE.write_text(served)
        return 0
    drift = list(unified_diff(written.splitlines(), served.splitlines(), "openapi.yaml", "as served", lineterm=""))
    if drift:
        sys.stdout.write("\n".join(drift[:60]) + "\nopenapi.yaml has drifted: make openapi\n")
    return bool(drift)


if __name__ == "__main__":
    sys.exit(main())
