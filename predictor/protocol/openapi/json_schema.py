"""Forms of JSON Schema (draft 2020-12) that the document is made of."""

from collections.abc import Collection, Mapping
from typing import Final

from pydantic import BaseModel

Schema = dict[str, object]

STRING: Final[Schema] = {"type": "string"}
NON_EMPTY: Final[Schema] = {"type": "string", "minLength": 1}
BOOLEAN: Final[Schema] = {"type": "boolean"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
NULL: Final[Schema] = {"type": "null"}


def ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def closed(
    properties: Mapping[str, object], *, required: Collection[str] = (), **more: object
) -> Schema:
    """Return the schema of an object that has no other members than these."""
    members: Schema = {"type": "object", "properties": dict(properties)}
    if required:
        members["required"] = list(required)
    return {**members, "additionalProperties": False, **more}


def full(properties: Mapping[str, object], **more: object) -> Schema:
    """Return the schema of an object that has just these members, all of them."""
    return closed(properties, required=tuple(properties), **more)


def array(items: Schema, **more: object) -> Schema:
    return {"type": "array", "items": items, **more}


def json_list_text(schema: Schema) -> Schema:
    """Return the schema of a string that is the JSON of a list with that schema."""
    # Validators do not look into a string's content; the pattern at least tells a list.
    return {
        "type": "string",
        "pattern": r"^[ \t\n\r]*\[",
        "contentMediaType": "application/json",
        "contentSchema": schema,
    }


def nullable(schema: Schema) -> Schema:
    return {"anyOf": [schema, NULL]}


def field_schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the schema of each of a model's fields; None is left out: it means not given."""
    properties = model.model_json_schema()["properties"]
    return {name: _field_schema(schema) for name, schema in properties.items()}


def _field_schema(schema: Schema) -> Schema:
    forms = schema.get("anyOf", [schema])
    assert isinstance(forms, list)
    (form,) = (form for form in forms if form != NULL)
    bounds = {name: form[name] for name in form if name not in ("default", "title")}
    if bounds["type"] == "integer" and "exclusiveMaximum" in bounds:
        bounds["maximum"] = bounds.pop("exclusiveMaximum") - 1
    return {**bounds, "description": schema["description"]}
