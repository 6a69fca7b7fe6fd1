"""Every export of every test report, given to the registries' own clients and schemas.

They need an environment of their own: pip install --requirement tools/oracle/registries.txt --editable .
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any

from paramcount.rendering.exports import EXPORTS
from paramcount.schema.registry import load_plugins

MODEL = {"type": "machine-learning-model", "name": "model", "bom-ref": "model"}


def huggingface(export: Any) -> None:
    """huggingface_hub reads what its API answers with."""
    from huggingface_hub import ModelInfo  # noqa: PLC0415

    info = ModelInfo(id="a/b", private=False, downloads=0, likes=0, tags=[], **export)
    assert info.safetensors is not None
    assert info.safetensors.total == sum(info.safetensors.parameters.values())


def mlflow(export: Any) -> None:
    """mlflow logs and reads back the same numbers."""
    import mlflow  # noqa: PLC0415

    mlflow.set_tracking_uri("file:./runs")
    with mlflow.start_run() as run:
        mlflow.log_params(export["params"])
        mlflow.log_metrics(export["metrics"])
    data = mlflow.get_run(run.info.run_id).data
    assert data.metrics == export["metrics"]
    assert {name: data.params[name] for name in export["params"]} == export["params"]


def wandb(export: Any) -> None:
    """wandb keeps the same numbers in its summary."""
    import wandb  # noqa: PLC0415

    with wandb.init(mode="offline", project="exports", settings=wandb.Settings(silent=True)) as run:
        run.summary.update(export)
        assert {name: run.summary[name] for name in export} == export


def kubeflow(export: Any) -> None:
    """The client's models, made of Kubeflow's OpenAPI document, take them and give them back."""
    from mr_openapi import ModelVersionCreate  # noqa: PLC0415

    payload = {"name": "v1", "registeredModelId": "1", **export}
    read = ModelVersionCreate.from_dict(payload)
    assert read is not None
    assert read.to_dict()["customProperties"] == export["customProperties"]


def cyclonedx(export: Any) -> None:
    """CycloneDX' strict schemas take a document with them, from the first that knows machine-learning models."""
    import json  # noqa: PLC0415

    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415

    for version in (SchemaVersion.V1_5, SchemaVersion.V1_6):
        document = {"bomFormat": "CycloneDX", "specVersion": version.to_version(), "components": [MODEL | export]}
        assert JsonStrictValidator(version).validate_str(json.dumps(document)) is None
        document["components"] = [MODEL | {"properties": [{"name": 1}]}]
        assert JsonStrictValidator(version).validate_str(json.dumps(document)) is not None


CLIENTS: dict[str, Callable[[Any], None]] = {
    "huggingface": huggingface, "mlflow": mlflow, "wandb": wandb, "kubeflow": kubeflow, "cyclonedx": cyclonedx,
}  # fmt: skip


def main() -> int:
    """Give every export to its client; returns how many refuse something."""
    load_plugins()
    from tools.cases.reports import ALL  # noqa: PLC0415 # counted when they are imported

    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    refused = 0
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name in EXPORTS:
            for label, report in ALL.items():
                try:
                    CLIENTS[name](EXPORTS[name](report))
                except Exception as error:  # noqa: BLE001 # whatever a client says
                    refused += 1
                    sys.stdout.write(f"{name} refuses {label}: {error!r}\n")
    sys.stdout.write(f"{len(EXPORTS) * len(ALL) - refused} passed, {refused} failed\n")
    return refused


if __name__ == "__main__":
    sys.exit(main())
