"""The values of the manifests, and that a wrong one is seen. `python -m tools.manifests` checks the overlays too."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.manifests.checks import problems

BASE = Path(__file__).parents[2] / "k8s/base"


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    resources = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    loaded = [yaml.safe_load((BASE / resource).read_text()) for resource in resources]
    return {document["kind"]: document for document in loaded}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines())


def test_the_base_makes_sense(documents: dict[str, Any], environment: dict[str, str]) -> None:
    assert problems(documents.values(), environment) == []


def test_every_manifest_is_a_resource() -> None:
    listed = set(yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"])
    assert {file.name for file in BASE.glob("*.yaml")} - {"kustomization.yaml"} == listed


DEPLOYMENT = ("Deployment", "spec", "template", "spec")
CONTAINER = (*DEPLOYMENT, "containers", 0)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONTAINER, "resources", "limits", "memory"), "512Mib"),
        ((*CONTAINER, "resources", "limits", "memory"), "512m"),
        ((*CONTAINER, "resources", "requests", "cpu"), "1 core"),
        ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/healthz"),
        ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/readyz"),
        ((*CONTAINER, "readinessProbe", "httpGet", "port"), "https"),
        ((*CONTAINER, "args", 0), "--bind=127.0.0.1:8000"),
        ((*CONTAINER, "args", 1), "--graceful-timeout=10"),
        ((*CONTAINER, "lifecycle", "preStop", "sleep", "seconds"), 0),
        ((*CONTAINER, "securityContext", "readOnlyRootFilesystem"), False),
        ((*CONTAINER, "securityContext", "capabilities"), {"drop": ["all"]}),
        ((*DEPLOYMENT, "terminationGracePeriodSeconds"), 30),
        ((*DEPLOYMENT, "securityContext", "runAsUser"), 0),
        ((*DEPLOYMENT, "securityContext", "seccompProfile"), {"type": "Unconfined"}),
        ((*DEPLOYMENT, "automountServiceAccountToken"), True),
        ((*DEPLOYMENT, "hostNetwork"), True),
        ((*DEPLOYMENT, "volumes", 0, "emptyDir"), {}),
        (("Deployment", "spec", "replicas"), 2),
        (("Deployment", "spec", "strategy", "rollingUpdate", "maxUnavailable"), "0%%"),
        (("PodDisruptionBudget", "spec", "maxUnavailable"), "two"),
        (("PodDisruptionBudget", "spec", "maxUnavailable"), 0),
        (("HorizontalPodAutoscaler", "spec", "minReplicas"), 0),
        (("HorizontalPodAutoscaler", "spec", "scaleTargetRef", "name"), "paramcont"),
        (("NetworkPolicy", "spec", "policyTypes"), ["Ingress"]),
        (("NetworkPolicy", "spec", "ingress", 0, "from", 0, "namespaceSelector"), {}),
        (("NetworkPolicy", "spec", "ingress"), [{}]),
        (("NetworkPolicy", "spec", "podSelector", "matchLabels"), {"app": "paramcount"}),
        (("Service", "spec", "selector"), {"app": "paramcount"}),
        (("HTTPRoute", "spec", "rules", 0, "backendRefs", 0, "port"), 8000),
        (("HTTPRoute", "spec", "rules", 0, "matches", 0, "path", "value"), "/"),
    ],
    ids=str,
)
def test_a_wrong_value_is_seen(
    documents: dict[str, Any], environment: dict[str, str], path: tuple[Any, ...], value: Any
) -> None:
    changed = deepcopy(documents)
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    assert len(problems(changed.values(), environment)) == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda settings: settings | {"PARAMCOUNT_MAX_BODY": "1"},
        lambda settings: settings | {"PARAMCOUNT_MAX_BODY_BYTES": "32Mi"},
        lambda settings: settings | {"PARAMCOUNT_TRUSTED_HOPS": "0"},
        lambda settings: settings | {"PARAMCOUNT_MAX_SECONDS": "30"},
        lambda settings: {name: value for name, value in settings.items() if name != "WEB_CONCURRENCY"},
    ],
)
def test_a_wrong_setting_is_seen(
    documents: dict[str, Any], environment: dict[str, str], change: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    assert len(problems(documents.values(), change(environment))) == 1
