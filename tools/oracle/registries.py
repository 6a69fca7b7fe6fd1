"""Every export of every test report, given to the registries' own clients and schemas.

They need an environment of their own: pip install --requirement tools/oracle/registries.txt --editable .
"""

from __future__ import annotations

import os
import re
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


def spdx(export: Any) -> None:
    """SPDX' own bindings, made of its SHACL model, take an AIPackage with them in a document, and refuse another."""
    import json  # noqa: PLC0415

    from spdx_python_model.bindings import v3_0_1  # noqa: PLC0415

    creation = {"@id": "_:creation", "type": "CreationInfo", "specVersion": "3.0.1", "created": "2026-01-01T00:00:00Z",
                "createdBy": ["https://example.com/agent"]}  # fmt: skip
    agent = {"type": "Agent", "spdxId": "https://example.com/agent", "creationInfo": "_:creation", "name": "agent"}
    package = {"type": "ai_AIPackage", "spdxId": "https://example.com/model", "creationInfo": "_:creation",
               "name": "model"}  # fmt: skip
    for members, is_valid in ((export, True), ({"ai_parameters": "one"}, False)):
        graph = {
            "@context": "https://spdx.org/rdf/3.0.1/spdx-context.jsonld",
            "@graph": [creation, agent, package | members],
        }
        objects = v3_0_1.SHACLObjectSet()
        try:
            v3_0_1.JSONLDDeserializer().deserialize_data(json.loads(json.dumps(graph)), objects)
        except (KeyError, TypeError, ValueError):
            assert not is_valid
        else:
            assert is_valid
            (read,) = objects.foreach_type(v3_0_1.ai_AIPackage)
            assert {entry.key: entry.value for entry in read.ai_hyperparameter} == {
                entry["key"]: entry["value"] for entry in export["ai_hyperparameter"]
            }


def modelpack(export: Any) -> None:
    """The members of ModelPack's schema/config-schema.json (model-spec), which no registry has as a package."""
    from jsonschema import Draft202012Validator  # noqa: PLC0415

    names = ("architecture", "format", "paramSize", "precision", "quantization")
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names},
              "additionalProperties": False}  # fmt: skip
    Draft202012Validator(schema).validate(export["config"])
    size = export["config"].get("paramSize", "1.0B")
    assert re.fullmatch(r"\d+(\.\d)?[QTBMK]", size), size


def modelcard(export: Any) -> None:
    """huggingface_hub writes a card of it, and reads the same from the card."""
    from huggingface_hub import ModelCard, ModelCardData  # noqa: PLC0415

    card = ModelCard(f"---\n{ModelCardData(**export).to_yaml()}\n---\n")
    assert {name: card.data.to_dict()[name] for name in export} == export


def eu(export: Any) -> None:
    """The form wants at least two significant figures: "e.g. 7.3*10^10 parameters"."""
    size = export["total_model_size"] or "10 parameters"
    assert re.fullmatch(r"(\d{1,2}|\d\.\d\*10\^\d+) parameters", size), size


CLIENTS: dict[str, Callable[[Any], None]] = {
    "huggingface": huggingface, "mlflow": mlflow, "wandb": wandb, "kubeflow": kubeflow, "cyclonedx": cyclonedx,
    "spdx": spdx, "modelpack": modelpack, "modelcard": modelcard, "eu": eu,
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
