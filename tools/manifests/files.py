"""The manifests as they are written, before Kustomize renders them."""

from __future__ import annotations

from typing import Any

import yaml

from tools.install import HOUSE

BASE = HOUSE / "k8s/base"
COMPONENTS = HOUSE / "k8s/components"


def base_documents() -> list[Any]:
    """Return the base's documents."""
    resources = yaml.safe_load((BASE / "kustomization.yaml").read_text())["resources"]
    return [yaml.safe_load((BASE / resource).read_text()) for resource in resources]


def base_settings() -> dict[str, str]:
    """Return the base's settings."""
    return dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines())
