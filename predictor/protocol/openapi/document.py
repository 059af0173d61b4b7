"""The document as a whole."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from predictor.config import Limits
from predictor.errors import RETRY_AFTER_S
from predictor.protocol.binary import JSON_LENGTH_HEADER
from predictor.protocol.openapi.generate import generate_schemas
from predictor.protocol.openapi.infer import infer_schemas
from predictor.protocol.openapi.json_schema import NON_EMPTY, STRING, Schema, full, ref
from predictor.protocol.openapi.openai_answers import answer_schemas
from predictor.protocol.openapi.openai_requests import request_schemas
from predictor.protocol.openapi.operations import (
    BINARY,
    JSON,
    WHOLE_GENERATION,
    Content,
    Operation,
    operations,
)
from predictor.protocol.openapi.options import option_schemas

TITLE: Final = "kserve-r1"

# What is answered before the app has a say, so in one form on all routes.
_BEFORE_THE_APP: Final = (408, 431)
_HEADERS: Final[dict[int, dict[str, object]]] = {
    405: {"Allow": {"required": True, "schema": NON_EMPTY}},
    503: {"Retry-After": {"required": True, "schema": {"const": RETRY_AFTER_S}}},
}
_JSON_LENGTH: Final[Schema] = {"type": "integer", "minimum": 1}


def openapi_document(
    model_name: str, model_version: str, server_version: str, limits: Limits
) -> dict[str, object]:
    """Return the OpenAPI 3.1 document of a server with these settings, ready for JSON."""
    served = {"name": model_name, "version": model_version, "model": model_name}
    paths: dict[str, dict[str, object]] = {}
    for operation in operations(model_name, model_version, server_version):
        described = _describe(operation, served)
        paths.setdefault(operation.path, {})[operation.method] = described
    return {
        "openapi": "3.1.0",
        "info": {
            "title": TITLE,
            "version": server_version,
            "description": "The Open Inference Protocol with its generate extension and binary "
            "tensor data, and the OpenAI API. Any other path is answered by 404 and an Error. "
            f"A body has at most {limits.max_body_bytes} bytes and "
            f"{limits.max_json_depth} levels of JSON.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "Error": full({"error": STRING}),
                **option_schemas(),
                **infer_schemas(model_name, model_version, limits),
                **generate_schemas(model_name, model_version),
                **request_schemas(model_name, limits),
                **answer_schemas(model_name),
            },
            "responses": _error_responses(),
        },
    }


def _describe(operation: Operation, served: Mapping[str, str]) -> dict[str, object]:
    parameters = [_path_parameter(name, served) for name in re.findall(r"{(\w+)}", operation.path)]
    form = "OpenAI" if operation.path.startswith("/openai") else ""
    answer: dict[str, object] = {"description": "OK", "content": _content(operation.answer)}
    members: dict[str, object] = {"operationId": operation.id, "summary": operation.summary}
    if operation.has_binary_data:
        parameters.append(_json_length_parameter())
        answer["headers"] = {JSON_LENGTH_HEADER.title(): _json_length_header()}
    if parameters:
        members["parameters"] = parameters
    if operation.body:
        body = {"content": _content(operation.body), "required": operation.needs_body}
        if operation.has_binary_data:
            body["description"] = (
                "The JSON, and with the binary tensor data extension behind it the bytes of every "
                "input that has binary_data_size in place of data, in their order."
            )
        members["requestBody"] = body
    errors = {
        str(status): {"$ref": f"#/components/responses/{_error_name(status, form)}"}
        for status in sorted(operation.errors)
    }
    return {**members, "responses": {"200": answer, **errors}}


def _path_parameter(name: str, served: Mapping[str, str]) -> dict[str, object]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"enum": [served[name]]},
        "description": "Of what is served; any other is 404.",
    }


def _json_length_parameter() -> dict[str, object]:
    return {
        "name": JSON_LENGTH_HEADER.title(),
        "in": "header",
        "schema": _JSON_LENGTH,
        "description": "Bytes of the body that are JSON, where others follow.",
    }


def _json_length_header() -> dict[str, object]:
    return {
        "schema": _JSON_LENGTH,
        "description": f"Bytes of the body that are JSON, with {BINARY} alone.",
    }


def _content(content: Content) -> dict[str, object]:
    return {
        media_type: {"schema": schema} if schema else {} for media_type, schema in content.items()
    }


def _error_responses() -> dict[str, object]:
    forms = [("", status) for status in WHOLE_GENERATION]
    forms += [("OpenAI", status) for status in WHOLE_GENERATION if status not in _BEFORE_THE_APP]
    return {_error_name(status, form): _error(status, form) for form, status in forms}


def _error_name(status: int, form: str) -> str:
    prefix = "" if status in _BEFORE_THE_APP else form
    return prefix + HTTPStatus(status).name.title().replace("_", "")


def _error(status: int, form: str) -> dict[str, object]:
    schema = ref(f"{form}Error")
    if form and status == HTTPStatus.BAD_REQUEST:
        # What is no HTTP does not reach the app.
        schema = {"anyOf": [schema, ref("Error")]}
    answer: dict[str, object] = {
        "description": f"{HTTPStatus(status).phrase}.",
        "content": _content({JSON: schema}),
    }
    return {**answer, "headers": _HEADERS[status]} if status in _HEADERS else answer
