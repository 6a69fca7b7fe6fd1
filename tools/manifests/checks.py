"""Checks that no schema of Kubernetes makes: the manifests' values make sense, alone, together and to the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from paramcount.requests.settings import PREFIX, InvalidSetting, from_environment
from service.app import create_app
from service.settings import Settings

Documents = Mapping[str, Any]
"""The documents by kind; each kind stands once."""

_MEMORY = re.compile(r"[1-9]\d*(Mi|Gi)")
_CPU = re.compile(r"[1-9]\d*m?")
_CHECKS: list[Callable[[Documents], Iterator[str]]] = []


def problems(documents: Iterable[Mapping[str, Any]], environment: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the documents of one overlay, whose settings are in `environment`."""
    by_kind = {document["kind"]: document for document in documents} | {"environment": environment}
    return [f"{check.__name__}: {problem}" for check in _CHECKS for problem in check(by_kind)]


def _check(check: Callable[[Documents], Iterator[str]]) -> Callable[[Documents], Iterator[str]]:
    _CHECKS.append(check)
    return check


def _pod(documents: Documents) -> Any:
    return documents["Deployment"]["spec"]["template"]["spec"]


def _container(documents: Documents) -> Any:
    return _pod(documents)["containers"][0]


def _argument(documents: Documents, name: str) -> str:
    variables: dict[str, str] = dict(
        argument.removeprefix("--").split("=", 1) for argument in _container(documents)["args"]
    )
    return variables.get(name, "")


@_check
def quantities(documents: Documents) -> Iterator[str]:
    """Memory in Mi or Gi, CPU in cores or m; a limit of memory that is not below the request."""
    resources = _container(documents)["resources"]
    for kind, pattern in (("memory", _MEMORY), ("cpu", _CPU)):
        for bound in ("requests", "limits"):
            value = str(resources.get(bound, {}).get(kind, ""))
            if not pattern.fullmatch(value) and not (bound == "limits" and kind == "cpu" and not value):
                yield f"{bound}.{kind} is {value!r}"
    for volume in _pod(documents).get("volumes", ()):
        if not _MEMORY.fullmatch(size := volume.get("emptyDir", {}).get("sizeLimit", "")):
            yield f"the volume {volume['name']} has the size {size!r}"


@_check
def probes(documents: Documents) -> Iterator[str]:
    """Paths that the service answers, on a port that the container has; a restart is not for what readiness says."""
    container = _container(documents)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    client = create_app(Settings()).test_client()
    paths = {}
    for name in ("startupProbe", "livenessProbe", "readinessProbe"):
        request = container.get(name, {}).get("httpGet", {})
        paths[name] = request.get("path")
        if client.get(str(request.get("path"))).status_code != 200:
            yield f"{name} asks {request.get('path')}"
        if request.get("port") not in ports:
            yield f"{name} asks port {request.get('port')}"
    if paths["livenessProbe"] == paths["readinessProbe"]:
        yield "liveness and readiness are one path"
    if _argument(documents, "bind") != f"0.0.0.0:{ports.get('http')}":
        yield f"the service listens on {_argument(documents, 'bind')}, the port is {ports.get('http')}"


@_check
def rollout(documents: Documents) -> Iterator[str]:
    """Nobody loses a request: each wait is longer than what it waits for."""
    pod, update = _pod(documents), documents["Deployment"]["spec"]["strategy"]["rollingUpdate"]
    if (update.get("maxUnavailable"), update.get("maxSurge")) != (0, 1):
        yield "maxUnavailable is not 0, or maxSurge not 1"
    drain = _container(documents)["lifecycle"]["preStop"]["sleep"]["seconds"]
    graceful = int(_argument(documents, "graceful-timeout") or 30)
    longest = 2 * int(documents["environment"].get("PARAMCOUNT_MAX_SECONDS", Settings().max_seconds))
    if not 5 <= drain <= 30:
        yield f"preStop sleeps {drain} s"
    if graceful <= longest:
        yield f"the graceful timeout is {graceful} s, the longest request takes {longest} s"
    if pod["terminationGracePeriodSeconds"] <= drain + graceful:
        yield f"a pod has {pod['terminationGracePeriodSeconds']} s for {drain} s of draining and {graceful} s of grace"
    if "replicas" in documents["Deployment"]["spec"]:
        yield "replicas are the autoscaler's to say"


@_check
def restrictions(documents: Documents) -> Iterator[str]:
    """The restricted profile of the pod security standards, and a root that is read-only."""
    pod, container = _pod(documents), _container(documents)["securityContext"]
    wanted = (
        (pod["securityContext"].get("runAsNonRoot"), True),
        (pod["securityContext"].get("runAsUser"), 10001),
        (pod["securityContext"].get("seccompProfile"), {"type": "RuntimeDefault"}),
        (pod.get("automountServiceAccountToken"), False),
        (documents["ServiceAccount"].get("automountServiceAccountToken"), False),
        (container.get("allowPrivilegeEscalation"), False),
        (container.get("readOnlyRootFilesystem"), True),
        (container.get("capabilities"), {"drop": ["ALL"]}),
        (container.get("privileged", False), False),
        (any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC")), False),
    )
    for index, (actual, right) in enumerate(wanted):
        if actual != right:
            yield f"restriction {index} is {actual!r}, not {right!r}"
    if pod["serviceAccountName"] != documents["ServiceAccount"]["metadata"]["name"]:
        yield "the pod's service account is another one"


@_check
def disruption(documents: Documents) -> Iterator[str]:
    """A node can be drained, and something still answers."""
    allowed = documents["PodDisruptionBudget"]["spec"].get("maxUnavailable")
    scaler = documents["HorizontalPodAutoscaler"]["spec"]
    if allowed != 1:
        yield f"maxUnavailable of the budget is {allowed!r}"
    if not 1 <= scaler["minReplicas"] < scaler["maxReplicas"] <= 50:
        yield f"from {scaler['minReplicas']} to {scaler['maxReplicas']} replicas"
    if scaler["scaleTargetRef"]["name"] != documents["Deployment"]["metadata"]["name"]:
        yield "another deployment is scaled"
    if scaler["metrics"][0]["resource"]["target"]["averageUtilization"] not in range(30, 91):
        yield "the target of utilization is no sensible share"


@_check
def network(documents: Documents) -> Iterator[str]:
    """Closed but for the gateway and Prometheus; nothing out."""
    spec = documents["NetworkPolicy"]["spec"]
    if set(spec["policyTypes"]) != {"Ingress", "Egress"} or spec.get("egress"):
        yield "something may go out"
    for rule in spec["ingress"]:
        if (
            not rule.get("from")
            or not all("namespaceSelector" in peer for peer in rule["from"])
            or not rule.get("ports")
        ):
            yield "a rule lets anyone in, or to any port"
        if any(not peer["namespaceSelector"].get("matchLabels") for peer in rule.get("from", ())):
            yield "a rule lets every namespace in"


@_check
def selectors(documents: Documents) -> Iterator[str]:
    """All select the pods of the deployment; the route leads to the service, and to nothing private."""
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    chosen = {
        "Service": documents["Service"]["spec"]["selector"],
        **{
            kind: documents[kind]["spec"][name]["matchLabels"]
            for kind, name in (
                ("Deployment", "selector"),
                ("PodDisruptionBudget", "selector"),
                ("NetworkPolicy", "podSelector"),
            )
        },
    }
    for kind, selector in chosen.items():
        if not selector or not selector.items() <= labels:
            yield f"{kind} selects {selector}"
    (port,) = documents["Service"]["spec"]["ports"]
    for rule in documents["HTTPRoute"]["spec"]["rules"]:
        for backend in rule["backendRefs"]:
            if (backend["name"], backend["port"]) != (documents["Service"]["metadata"]["name"], port["port"]):
                yield f"the route leads to {backend['name']}:{backend['port']}"
        for match in rule["matches"]:
            kind, value = match["path"]["type"], match["path"]["value"]
            if any(path == value or (kind == "PathPrefix" and path.startswith(value)) for path in _PRIVATE):
                yield f"the route shows {value} to the world"


_PRIVATE = ("/livez", "/readyz", "/metrics")


@_check
def settings(documents: Documents) -> Iterator[str]:
    """Only settings that the service has, with values that it takes."""
    environment = documents["environment"]
    known = {PREFIX + name.upper() for name in Settings.__dataclass_fields__} | {"WEB_CONCURRENCY"}
    for name in sorted(set(environment) - known):
        yield f"{name} is no setting"
    try:
        service_settings = from_environment(Settings, environment)
    except InvalidSetting as error:
        yield str(error)
        return
    if not str(environment.get("WEB_CONCURRENCY", "")).isdigit():
        yield "WEB_CONCURRENCY is not set: a container would start a worker for each core of its node"
    if service_settings.trusted_hops < 1:
        yield "the gateway's forwarded headers are not believed"
