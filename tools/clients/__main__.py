"""Lint the contract; generate a Python and a TypeScript client of it, compile them, and count a model with each."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from tools.install import debian

HERE = Path(__file__).parent
CONTRACT = HERE.parents[1] / "openapi.yaml"
EXPECTED = "16 kernel 3×4 + bias 4"


def run(*command: object, folder: Path) -> str:
    """Run a command in a folder; its output, and an error with all of it where it fails."""
    ended = subprocess.run([str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{ended.stdout}{ended.stderr}")
    return ended.stdout


@contextmanager
def service() -> Iterator[str]:
    """The service on a free port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "paramcount", "serve", "--bind", address, "--workers", "1"]
    with subprocess.Popen(command, cwd=HERE.parents[1], stderr=subprocess.DEVNULL) as server:
        for _ in range(100):
            try:
                urlopen(f"http://{address}/readyz", timeout=5).close()
                break
            except URLError:
                time.sleep(0.1)
        try:
            yield f"http://{address}"
        finally:
            server.terminate()


def typescript(folder: Path, url: str) -> str:
    """Return what the TypeScript client counts; the linters come from the same registry."""
    for name in ("package.json", "spectral.yaml", "count.ts"):
        shutil.copy(HERE / name, folder)
    run("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", folder=folder)
    run("npx", "spectral", "lint", "--ruleset", "spectral.yaml", "--fail-severity=error", CONTRACT, folder=folder)
    run("npx", "redocly", "lint", CONTRACT, folder=folder)
    run("npx", "openapi-typescript", CONTRACT, "-o", "schema.d.ts", "--default-non-nullable=false", folder=folder)
    options = [
        "--strict",
        "--target",
        "es2022",
        "--module",
        "es2022",
        "--moduleResolution",
        "bundler",
        "--skipLibCheck",
    ]
    run("npx", "tsc", *options, "--types", "node", "count.ts", folder=folder)
    return run("node", "count.js", url, folder=folder)


def python(folder: Path, url: str) -> str:
    """Return what the Python client counts."""
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    run(binaries / "pip", "install", "--quiet", "openapi-python-client==0.29.1", "mypy", folder=folder)
    run(binaries / "openapi-python-client", "generate", "--path", CONTRACT, "--meta", "none",
        "--output-path", "paramcount_client", folder=folder)  # fmt: skip
    shutil.copy(HERE / "count.py", folder)
    run(binaries / "mypy", "--strict", "--follow-imports=silent", "count.py", folder=folder)
    return run(binaries / "python", "count.py", url, folder=folder)


def main() -> int:
    """Returns how many clients fail."""
    if shutil.which("npm") is None and not debian("npm"):
        return 1
    failed = 0
    with service() as url:
        for make in (typescript, python):
            with tempfile.TemporaryDirectory() as folder:
                counted = make(Path(folder), url).strip()
            failed += counted != EXPECTED
            sys.stdout.write(f"{make.__name__}: {counted}\n")
    sys.stdout.write(f"{2 - failed} passed, {failed} failed\n")
    return failed


if __name__ == "__main__":
    sys.exit(main())
