"""The values of the manifests, and that a wrong one is seen. `python -m tools.manifests` checks the overlays too."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import yaml

from tools.manifests.checks import problems, shared_hostnames
from tools.manifests.files import BASE, COMPONENTS, base_documents, base_settings


@pytest.fixture(scope="module")
def documents() -> dict[str, Any]:
    monitor = yaml.safe_load((COMPONENTS / "monitoring/podmonitor.yaml").read_text())
    return {document["kind"]: document for document in (*base_documents(), monitor)}


@pytest.fixture(scope="module")
def environment() -> dict[str, str]:
    return base_settings()


def test_the_base_makes_sense(documents: dict[str, Any], environment: dict[str, str]) -> None:
    assert problems(documents.values(), environment, base_documents()) == []


def test_every_manifest_is_a_resource() -> None:
    listed = set(yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"])
    assert {file.name for file in BASE.glob("*.yaml")} - {"kustomization.yaml"} == listed


DEPLOYMENT = ("Deployment", "spec", "template", "spec")
CONTAINER = (*DEPLOYMENT, "containers", 0)
PEERS = ("NetworkPolicy", "spec", "ingress")
NAMESPACE = "kubernetes.io/metadata.name"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*CONTAINER, "resources", "limits", "memory"), "512Mib"),
        ((*CONTAINER, "resources", "limits", "memory"), "512m"),
        ((*CONTAINER, "resources", "requests", "cpu"), "1 core"),
        ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/healthz"),
        ((*CONTAINER, "livenessProbe", "httpGet", "path"), "/readyz"),
        ((*CONTAINER, "startupProbe", "httpGet", "path"), "/livez"),
        ((*CONTAINER, "readinessProbe", "httpGet", "port"), "https"),
        ((*CONTAINER, "readinessProbe", "httpGet", "port"), "http"),
        ((*CONTAINER, "readinessProbe", "httpGet", "path"), "/livez"),
        ((*CONTAINER, "ports", 0, "containerPort"), 8080),
        ((*CONTAINER, "ports", 1, "containerPort"), 8002),
        ((*CONTAINER, "ports", 1, "name"), "metrics"),
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
        (("NetworkPolicy", "spec", "ingress"), []),
        ((*PEERS, 0, "from", 0, "namespaceSelector", "matchLabels", NAMESPACE), "gateways"),
        ((*PEERS, 0, "from", 0, "podSelector"), {"matchLabels": {"app.kubernetes.io/name": "paramcount"}}),
        ((*PEERS, 0, "ports", 0, "port"), "management"),
        ((*PEERS, 0, "ports", 0, "port"), 8000),
        ((*PEERS, 1, "ports", 0, "port"), "http"),
        ((*PEERS, 1, "from", 0, "podSelector", "matchLabels"), {"app.kubernetes.io/name": "paramcount"}),
        ((*PEERS, 1, "from", 0), {"namespaceSelector": {"matchLabels": {NAMESPACE: "monitoring"}}}),
        (("PodMonitor", "spec", "podMetricsEndpoints", 0, "port"), "http"),
        (("PodMonitor", "spec", "podMetricsEndpoints", 0, "path"), "/"),
        (("PodMonitor", "spec", "selector", "matchLabels"), {"app.kubernetes.io/name": "prometheus"}),
        (("PodDisruptionBudget", "spec", "selector", "matchLabels"), {"app": "paramcount"}),
        (("Service", "spec", "ports", 0, "targetPort"), "management"),
        (("Service", "spec", "ports", 0, "targetPort"), 8001),
        (("Deployment", "spec", "template", "metadata", "labels"), {"app.kubernetes.io/name": "params"}),
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
    assert len(failed_checks(change(documents, path, value), environment)) == 1


def change(documents: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = deepcopy(documents)
    node: Any = changed
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    return changed


def failed_checks(documents: dict[str, Any], environment: dict[str, str]) -> set[str]:
    return {problem.partition(":")[0] for problem in problems(documents.values(), environment)}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*PEERS, 1, "from", 0, "namespaceSelector", "matchLabels", NAMESPACE), "observability"),
        ((*PEERS, 1, "from", 0, "podSelector", "matchLabels", "app.kubernetes.io/name"), "prometheus-server"),
        ((*PEERS, 1, "ports", 0, "protocol"), "UDP"),
        (("NetworkPolicy", "spec", "podSelector", "matchLabels", "tier"), "web"),
        (("Service", "spec", "selector", "tier"), "web"),
        (("HTTPRoute", "spec", "hostnames", 0), "count.example.org"),
        (("Deployment", "spec", "selector", "matchLabels", "tier"), "web"),
    ],
    ids=str,
)
def test_what_is_rewritten_on_the_way_is_seen(
    documents: dict[str, Any], environment: dict[str, str], path: tuple[Any, ...], value: str
) -> None:
    rendered = change(documents, path, value).values()
    assert any(problem.startswith("rendering: ") for problem in problems(rendered, environment, base_documents()))
    patch = yaml.safe_dump([{"op": "replace", "path": "/spec", "value": {"somewhere": [value]}}])
    overlay = yaml.safe_dump({"patches": [{"target": {"kind": path[0]}, "patch": patch}]})
    stated = problems(rendered, environment, base_documents(), overlay)
    assert not any(problem.startswith("rendering: ") for problem in stated)


SECRET = {"name": "tokens", "secret": {"secretName": "paramcount-tokens"}}


@pytest.mark.parametrize(
    ("file", "volume", "mount", "failed"),
    [
        ("/etc/paramcount/tokens", SECRET, {"mountPath": "/etc/paramcount"}, set()),
        ("/etc/paramcount/tokens", SECRET, {"mountPath": "/etc/params"}, {"tokens"}),
        ("/etc/paramcount/tokens", SECRET, {"mountPath": "/etc/paramcount", "subPath": "tokens"}, {"tokens"}),
        ("/etc/paramcount/tokens", SECRET | {"name": "token"}, {"mountPath": "/etc/paramcount"}, {"tokens"}),
        ("", SECRET, {"mountPath": "/etc/paramcount"}, {"tokens"}),
    ],
)
def test_tokens_are_a_secret_that_is_mounted(
    documents: dict[str, Any],
    environment: dict[str, str],
    file: str,
    volume: dict[str, Any],
    mount: dict[str, str],
    failed: set[str],
) -> None:
    changed = deepcopy(documents)
    pod = changed["Deployment"]["spec"]["template"]["spec"]
    pod["volumes"].insert(0, volume)
    pod["containers"][0]["volumeMounts"].append({"name": "tokens"} | mount)
    assert failed_checks(changed, environment | {"PARAMCOUNT_TOKENS_FILE": file}) == failed


@pytest.mark.parametrize(
    "altered",
    [
        lambda settings: settings | {"PARAMCOUNT_MAX_BODY": "1"},
        lambda settings: settings | {"PARAMCOUNT_MAX_BODY_BYTES": "32Mi"},
        lambda settings: settings | {"PARAMCOUNT_TRUSTED_HOPS": "0"},
        lambda settings: settings | {"PARAMCOUNT_MAX_SECONDS": "30"},
        lambda settings: settings | {"PARAMCOUNT_MANAGEMENT_BIND": ""},
        lambda settings: settings | {"PARAMCOUNT_MANAGEMENT_BIND": "127.0.0.1:8001"},
        lambda settings: settings | {"PARAMCOUNT_TOKENS_FILE": "/etc/paramcount/tokens"},
        lambda settings: {name: value for name, value in settings.items() if name != "WEB_CONCURRENCY"},
    ],
)
def test_a_wrong_setting_is_seen(
    documents: dict[str, Any], environment: dict[str, str], altered: Callable[[dict[str, str]], dict[str, str]]
) -> None:
    assert len(problems(documents.values(), altered(environment))) == 1


def test_no_two_overlays_have_one_hostname() -> None:
    routes = {name: {"spec": {"hostnames": [f"{name}.example.com"]}} for name in ("base", "dev", "prod")}
    assert shared_hostnames(routes) == []
    assert shared_hostnames(routes | {"prod": routes["dev"]}) == ["prod has the hostname of dev, dev.example.com"]
