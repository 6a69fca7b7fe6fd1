"""Checks that no schema of Kubernetes makes: the manifests' values make sense, alone, together and to the service."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import yaml

from paramcount.requests.settings import PREFIX, InvalidSetting, from_environment
from service.settings import Settings

Documents = Mapping[str, Any]
"""The documents by kind; each kind stands once."""

_MEMORY = re.compile(r"[1-9]\d*(Mi|Gi)")
_CPU = re.compile(r"[1-9]\d*m?")
_CHECKS: list[Callable[[Documents], Iterator[str]]] = []


def problems(
    documents: Iterable[Mapping[str, Any]],
    environment: Mapping[str, str],
    base: Iterable[Mapping[str, Any]] = (),
    overlay: str = "",
) -> list[str]:
    """Return what is wrong with the documents of one overlay, whose settings are in `environment`.

    `base`: the documents that the overlay was rendered from; `overlay`: its kustomization.
    """
    by_kind: dict[str, Any] = {document["kind"]: document for document in documents}
    by_kind |= {
        "environment": environment,
        "base": {document["kind"]: document for document in base},
        "overlay": overlay,
    }
    return [f"{check.__name__}: {problem}" for check in _CHECKS for problem in check(by_kind)]


def shared_hostnames(routes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what two of the routes, of the base and of its overlays, both have: traffic would go to either."""
    first_with: dict[str, str] = {}
    return [
        f"{name} has the hostname of {first_with[hostname]}, {hostname}"
        for name, route in routes.items()
        for hostname in route["spec"]["hostnames"]
        if first_with.setdefault(hostname, name) != name
    ]


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
        if "secret" not in volume and not _MEMORY.fullmatch(size := volume.get("emptyDir", {}).get("sizeLimit", "")):
            yield f"the volume {volume['name']} has the size {size!r}"


@_check
def probes(documents: Documents) -> Iterator[str]:
    """Each asks its own path of the management listener; a restart is not for what readiness says."""
    for name, path in (("startupProbe", "/readyz"), ("livenessProbe", "/livez"), ("readinessProbe", "/readyz")):
        request = _container(documents).get(name, {}).get("httpGet", {})
        if (request.get("path"), request.get("port")) != (path, "management"):
            yield f"{name} asks {request.get('path')} of port {request.get('port')}"


@_check
def ports(documents: Documents) -> Iterator[str]:
    """The container's ports are those that the service listens on, each reached by who needs it alone."""
    numbers = {port["name"]: port["containerPort"] for port in _container(documents)["ports"]}
    binds = {"http": _argument(documents, "bind")}
    binds["management"] = documents["environment"].get("PARAMCOUNT_MANAGEMENT_BIND", "")
    for name in binds.keys() | numbers.keys():
        if binds.get(name) != f"0.0.0.0:{numbers.get(name)}":
            yield f"the service listens on {binds.get(name)}, the port {name} is {numbers.get(name)}"
    for port in documents["Service"]["spec"]["ports"]:
        if port["targetPort"] != "http":
            yield f"the service's port {port['port']} leads to {port['targetPort']}"
    for endpoint in documents.get("PodMonitor", {"spec": {"podMetricsEndpoints": ()}})["spec"]["podMetricsEndpoints"]:
        if (endpoint["port"], endpoint["path"]) != ("management", "/metrics"):
            yield f"Prometheus asks {endpoint['path']} of port {endpoint['port']}"


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
    """The gateway gets to the service and Prometheus to the metrics; nothing else gets in, and nothing out."""
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
        if any(not peer.get("namespaceSelector", {}).get("matchLabels") for peer in rule.get("from", ())):
            yield "a rule lets every namespace in"
    admitted = [
        (port.get("port"), peer.get("namespaceSelector", {}).get("matchLabels", {}).get(_NAMESPACE), _peer_pods(peer))
        for rule in spec["ingress"]
        for port in rule.get("ports", ())
        for peer in rule.get("from", ())
    ]
    gateway = documents["HTTPRoute"]["spec"]["parentRefs"][0]["namespace"]
    if [(namespace, pods) for port, namespace, pods in admitted if port == "http"] != [(gateway, {})]:
        yield f"port http is not for the namespace of the route's gateway alone, {gateway}"
    scrapers = [pods for port, _, pods in admitted if port == "management"]
    labels = documents["Deployment"]["spec"]["template"]["metadata"]["labels"]
    if not scrapers or any(not pods or pods.items() <= labels.items() for pods in scrapers):
        yield f"port management is for {scrapers}, which are not Prometheus' pods"
    if others := {port for port, _, _ in admitted} - {"http", "management"}:
        yield f"ports {others} are open"


_NAMESPACE = "kubernetes.io/metadata.name"


def _peer_pods(peer: Any) -> Any:
    return peer.get("podSelector", {}).get("matchLabels", {})


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
                ("PodMonitor", "selector"),
            )
            if kind in documents
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


@_check
def tokens(documents: Documents) -> Iterator[str]:
    """The file of tokens is a secret's, mounted as a folder, so that a changed secret comes in without a restart."""
    file = documents["environment"].get("PARAMCOUNT_TOKENS_FILE", "")
    mounts = {mount["name"]: mount for mount in _container(documents)["volumeMounts"]}
    secrets = [volume["name"] for volume in _pod(documents).get("volumes", ()) if "secret" in volume]
    folders = [mounts[name]["mountPath"] for name in secrets if name in mounts and "subPath" not in mounts[name]]
    if file and file.rpartition("/")[0] not in folders:
        yield f"{file} is in none of the secrets' folders {folders}"
    if secrets and not file:
        yield f"no setting names a file of the secrets {secrets}"


_COMPARED = {
    "NetworkPolicy": ("spec",),
    "Service": ("spec",),
    "HTTPRoute": ("spec",),
    "PodDisruptionBudget": ("spec", "selector"),
    "Deployment": ("spec", "selector"),
    "HorizontalPodAutoscaler": ("spec", "scaleTargetRef"),
}
"""The parts that Kustomize must leave as the base has them, but for the values that an overlay states."""


@_check
def rendering(documents: Documents) -> Iterator[str]:
    """Nothing is rewritten on the way: peers, ports and selectors are the base's, or the overlay states them."""
    for kind, path in _COMPARED.items():
        if kind not in documents["base"]:
            continue
        wanted, actual = (dict(_leaves(_at(some[kind], path))) for some in (documents["base"], documents))
        changed = set(_patched_values(documents["overlay"], kind))
        for leaf in sorted(wanted.keys() | actual.keys()):
            stated, value = wanted.get(leaf), actual.get(leaf)
            if value not in (stated, *changed):
                yield f"{kind}{leaf} is {value!r}, in the base {stated!r}"


def _patched_values(overlay: str, kind: str) -> Iterator[Any]:
    """Yield the values that an overlay's patches of one kind state."""
    for patch in (yaml.safe_load(overlay) or {}).get("patches", ()):
        if patch["target"]["kind"] == kind:
            for operation in yaml.safe_load(patch["patch"]):
                yield from (value for _, value in _leaves(operation.get("value")))


def _at(node: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        node = node[step]
    return node


def _leaves(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, dict | list) and node:
        for step, child in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(child, f"{path}/{step}")
    else:
        yield path, node
