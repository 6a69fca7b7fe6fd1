"""`python -m tools.manifests`: every overlay checked by schema, by checkov and by value; the alerts tried."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tools.install import HOUSE, debian, pypi
from tools.manifests.checks import problems, shared_hostnames
from tools.manifests.files import base_documents

_FOLDER = Path(__file__).parent
_OVERLAYS = HOUSE / "k8s/overlays"
_VERSIONS = ("1.32", "1.37")
_CUSTOM = {"HTTPRoute", "PodMonitor", "PrometheusRule"}  # kinds that Kubernetes itself has no schema of
_SKIPPED_CHECKS = {
    "CKV_K8S_11": "a limit of CPU would throttle the probes; the request bounds the share",
    "CKV_K8S_15": "a tag names one release, so there is nothing newer to pull",
    "CKV_K8S_43": "who publishes the image puts its digest into the overlay",
}


def main() -> int:
    """Install the tools, check every overlay, and say what was found."""
    alerts = debian("prometheus")  # promtool
    programs = pypi(_FOLDER / "requirements.txt")
    failed = 0
    routes = {"the base": _route(base_documents())}
    with tempfile.TemporaryDirectory() as scratch:
        for name, folder, overlay in _renderings(Path(scratch)):
            rendered = Path(scratch, f"{name}.yaml")
            rendered.write_text(_output(programs / "kubectl", "kustomize", folder))
            faults = [*_schema(programs, rendered), *_values(rendered, overlay), *_checkov(programs, rendered)]
            sys.stdout.write("".join(f"{name}: {problem}\n" for problem in faults))
            sys.stdout.write(f"{name}: {len(faults)} problems\n")
            failed += len(faults)
            if folder == overlay:
                routes[name] = _route(yaml.safe_load_all(rendered.read_text()))
        shared = shared_hostnames(routes)
        sys.stdout.write("".join(f"{fault}\n" for fault in shared))
        sys.stdout.write(_alerts(Path(scratch)) if alerts else "the alerts were NOT tried\n")
    return bool(failed or shared)


def _route(documents: Iterable[Any]) -> Any:
    return next(document for document in documents if document["kind"] == "HTTPRoute")


def _renderings(scratch: Path) -> Iterator[tuple[str, Path, Path]]:
    """Yield each overlay, alone and with tokens: a name, the folder to render, and the overlay."""
    for overlay in sorted(_OVERLAYS.iterdir()):
        yield overlay.name, overlay, overlay
        folder = scratch / f"{overlay.name}-with-tokens"
        folder.mkdir()
        paths = {"resources": overlay, "components": HOUSE / "k8s/components/tokens"}
        kustomization = {name: [os.path.relpath(path, folder.resolve())] for name, path in paths.items()}
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        yield folder.name, folder, overlay


def _output(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout


def _schema(programs: Path, rendered: Path) -> list[str]:
    faults = []
    for version in _VERSIONS:
        command = [str(programs / "kubernetes-validate"), "--strict", "-k", version, str(rendered)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        lines = (done.stdout + done.stderr).splitlines()
        unknown = [line for line in lines if "find schema for kind" in line]
        faults += [line for line in unknown if not any(f" {kind} " in line for kind in _CUSTOM)]
        faults += [line for line in lines if line not in unknown and not line.startswith("INFO")]
        if done.returncode and not faults:
            faults.append(f"kubernetes-validate ended with {done.returncode}")
    return faults


def _values(rendered: Path, overlay: Path) -> list[str]:
    documents = list(yaml.safe_load_all(rendered.read_text()))
    (settings,) = (document["data"] for document in documents if document["kind"] == "ConfigMap")
    return problems(documents, settings, base_documents(), (overlay / "kustomization.yaml").read_text())


def _checkov(programs: Path, rendered: Path) -> list[str]:
    command = [str(programs / "checkov"), "--framework", "kubernetes", "--skip-download", "--compact", "--quiet"]
    skipped = ["--skip-check", ",".join(_SKIPPED_CHECKS)]
    done = subprocess.run([*command, *skipped, "--file", str(rendered)], check=False, capture_output=True, text=True)
    return done.stdout.splitlines() if done.returncode else []


def _alerts(scratch: Path) -> str:
    """Try the alerts on made-up series."""
    rule = yaml.safe_load((HOUSE / "k8s/components/monitoring/prometheusrule.yaml").read_text())
    (scratch / "alerts.yaml").write_text(yaml.safe_dump(rule["spec"]))
    tests = scratch / "alerts.test.yaml"
    tests.write_text((_FOLDER / "alerts.test.yaml").read_text())
    named = {rule["alert"] for group in rule["spec"]["groups"] for rule in group["rules"]}
    tried = {one["alertname"] for test in yaml.safe_load(tests.read_text())["tests"] for one in test["alert_rule_test"]}
    if untried := named - tried:
        raise SystemExit(f"alerts without a test: {', '.join(sorted(untried))}")
    done = subprocess.run(["promtool", "test", "rules", tests], check=False, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return f"{len(named)} alerts fire when they must, and only then\n"


if __name__ == "__main__":
    sys.exit(main())
