"""A CRD's OpenAPI schema as a JSON schema that refuses what an API server would prune.

Rules: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/
"""

import re
from typing import Any, Final

JsonSchema = dict[str, Any]

STRINGS: Final = {"type": "object", "additionalProperties": {"type": "string"}}
# What a manifest may say in a metadata; a CRD's own schema leaves it to the API server.
METADATA: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["name"],
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "namespace": {"type": "string"},
        "labels": STRINGS,
        "annotations": STRINGS,
        "finalizers": {"type": "array", "items": {"type": "string"}},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
    },
}
TYPE_META: Final = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
KEPT: Final = (
    *("type", "enum", "pattern", "format", "required", "uniqueItems", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    # Within these a structural schema says nothing of which fields there are.
    *("allOf", "anyOf", "oneOf", "not"),
)
INT32: Final = {"minimum": -(2**31), "maximum": 2**31 - 1}


def object_schema(closed: JsonSchema, api_version: str, kind: str) -> JsonSchema:
    """Return the schema of a whole object, with the fields that each object has."""
    meta = {
        "apiVersion": {"enum": [api_version]},
        "kind": {"enum": [kind]},
        "metadata": METADATA,
    }
    required = sorted({*closed.get("required", ()), *meta})
    return {**closed, "required": required, "properties": {**closed["properties"], **meta}}


def close(schema: JsonSchema) -> JsonSchema:
    """Return the schema with every object in it closed that a server would prune."""
    if schema.get("x-kubernetes-int-or-string"):
        kept: JsonSchema = {key: schema[key] for key in ("pattern", "enum") if key in schema}
        return _nullable({**kept, "type": ["integer", "string"]}, schema)
    closed: JsonSchema = {key: schema[key] for key in KEPT if key in schema}
    if schema.get("format") == "int32":
        closed = {**INT32, **closed}
    if "(?i)" in closed.get("pattern", ""):
        # Go's flag, which JSON schema's regular expressions lack: each letter in both cases.
        bare = closed["pattern"].replace("(?i)", "")
        closed["pattern"] = re.sub("[a-z]", lambda each: f"[{each[0]}{each[0].upper()}]", bare)
    if "items" in schema:
        closed["items"] = close(schema["items"])
    if schema.get("type") == "object":
        closed |= _close_object(schema)
    return _nullable(closed, schema)


def _close_object(schema: JsonSchema) -> JsonSchema:
    properties = {name: close(below) for name, below in schema.get("properties", {}).items()}
    if schema.get("x-kubernetes-embedded-resource"):
        properties = {**TYPE_META, "metadata": METADATA, **properties}
    others: bool | JsonSchema = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    if isinstance(schema.get("additionalProperties"), dict):
        others = close(schema["additionalProperties"])
    elif schema.get("additionalProperties"):
        others = True
    return {"properties": properties, "additionalProperties": others}


def _nullable(closed: JsonSchema, schema: JsonSchema) -> JsonSchema:
    if not schema.get("nullable") or "type" not in closed:
        return closed
    types = closed["type"] if isinstance(closed["type"], list) else [closed["type"]]
    return {**closed, "type": [*types, "null"]}
