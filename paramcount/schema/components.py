"""marshmallow schemas as components of an OpenAPI 3.1 document, which also validate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin, resolver
from marshmallow import Schema

SchemaLike = Schema | type[Schema]


def new_spec(**options: Any) -> APISpec:
    """Return an empty OpenAPI document that takes marshmallow schemas."""
    return APISpec(
        title=options.pop("title", ""),
        version=options.pop("version", ""),
        openapi_version="3.1.0",
        plugins=[MarshmallowPlugin(schema_name_resolver=resolver)],
        **options,
    )


def components(schemas: Mapping[str, SchemaLike]) -> dict[str, Any]:
    """Return the JSON Schemas of some schemas, and of those that they refer to, by name."""
    spec = new_spec()
    for name, schema in schemas.items():
        spec.components.schema(name, schema=schema)
    schemas_by_name: dict[str, Any] = spec.to_dict()["components"]["schemas"]
    return schemas_by_name


def json_schema(name: str, schema: SchemaLike) -> dict[str, Any]:
    """Return one JSON Schema, with the schemas that it refers to beside it."""
    return {"$ref": f"#/components/schemas/{name}", "components": {"schemas": components({name: schema})}}
