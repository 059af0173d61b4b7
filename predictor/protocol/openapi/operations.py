"""The routes: what each takes, what it answers, and how it may fail."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from predictor.protocol.openapi.json_schema import (
    BOOLEAN,
    NON_EMPTY,
    STRING,
    Schema,
    array,
    closed,
    full,
    ref,
)
from predictor.protocol.v2 import INPUT_TENSORS, OUTPUT_TENSORS

# Media type -> schema; a body of bytes has an empty one.
Content = Mapping[str, Schema]

JSON: Final = "application/json"
BINARY: Final = "application/octet-stream"

# Of any request: no HTTP, another method, too slow, too long a head, and our own fault.
ANY: Final = (400, 405, 408, 431, 500)
BODY: Final = (*ANY, 413, 415)
GENERATION: Final = (*BODY, 404, 503)
WHOLE_GENERATION: Final = (*GENERATION, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One method of one path; its errors are OpenAI's under ``/openai``."""

    id: str
    path: str
    summary: str
    answer: Content
    method: str = "get"
    errors: tuple[int, ...] = ANY
    body: Content = field(default_factory=dict)
    needs_body: bool = True
    has_binary_data: bool = False


def operations(model_name: str, model_version: str, server_version: str) -> list[Operation]:
    """Return every operation, those of the model once for each of its two paths."""
    of_model = _of_model(model_name, model_version)
    of_version = [
        replace(
            operation,
            id=f"{operation.id}_of_version",
            path=operation.path.replace("{name}", "{name}/versions/{version}"),
        )
        for operation in of_model
    ]
    return [
        *_of_server(model_name, model_version, server_version),
        *of_model,
        *of_version,
        *_of_openai(),
    ]


def _of_server(model_name: str, model_version: str, server_version: str) -> list[Operation]:
    live: Content = {JSON: full({"live": {"const": True}})}
    metadata = {"name": STRING, "version": {"const": server_version}, "extensions": array(STRING)}
    entry = {
        "name": {"const": model_name},
        "version": {"const": model_version},
        "state": {"enum": ["READY", "UNAVAILABLE"]},
        "reason": STRING,
    }
    return [
        Operation(
            id="root",
            path="/",
            summary="Whether the process can serve, or will.",
            answer=live,
            errors=(*ANY, 503),
        ),
        Operation(
            id="metrics",
            path="/metrics",
            summary="The metrics, in the form that Accept asks for.",
            answer={"text/plain": STRING, "application/openmetrics-text": STRING},
        ),
        Operation(
            id="server_metadata",
            path="/v2",
            summary="Name, version and extensions of the server.",
            answer={JSON: full(metadata)},
        ),
        Operation(
            id="openapi",
            path="/v2/openapi.json",
            summary="This document.",
            answer={JSON: {"type": "object"}},
        ),
        Operation(
            id="live",
            path="/v2/health/live",
            summary="Whether the process can serve, or will.",
            answer=live,
            errors=(*ANY, 503),
        ),
        Operation(
            id="ready",
            path="/v2/health/ready",
            summary="Whether a request would be served now.",
            answer={JSON: full({"ready": {"const": True}})},
            errors=(*ANY, 503),
        ),
        Operation(
            id="models",
            path="/v2/models",
            summary="The names of what is served.",
            answer={JSON: full({"models": {"const": [model_name]}})},
        ),
        Operation(
            id="repository_index",
            method="post",
            path="/v2/repository/index",
            summary="The model and its state.",
            body={JSON: closed({"ready": BOOLEAN}, description="ready: models that are ready.")},
            needs_body=False,
            answer={JSON: array(full(entry), maxItems=1)},
            errors=BODY,
        ),
    ]


def _of_model(model_name: str, model_version: str) -> list[Operation]:
    path = "/v2/models/{name}"
    metadata: dict[str, Schema] = {
        "name": {"const": model_name},
        "versions": {"const": [model_version]},
        "platform": NON_EMPTY,
        "inputs": {"const": [spec.describe() for spec in INPUT_TENSORS]},
        "outputs": {"const": [spec.describe() for spec in OUTPUT_TENSORS]},
    }
    generate: Content = {JSON: ref("GenerateRequest")}
    return [
        Operation(
            id="model_metadata",
            path=path,
            summary="Versions, inputs and outputs of the model.",
            answer={JSON: full(metadata)},
            errors=(*ANY, 404),
        ),
        Operation(
            id="model_ready",
            path=f"{path}/ready",
            summary="Whether a request would be served now.",
            answer={JSON: full({"name": {"const": model_name}, "ready": {"const": True}})},
            errors=(*ANY, 404, 503),
        ),
        Operation(
            id="infer",
            method="post",
            path=f"{path}/infer",
            summary="A completion for each row of the inputs.",
            body={JSON: ref("InferRequest"), BINARY: {}},
            answer={JSON: ref("InferResponse"), BINARY: {}},
            errors=WHOLE_GENERATION,
            has_binary_data=True,
        ),
        Operation(
            id="generate",
            method="post",
            path=f"{path}/generate",
            summary="A completion of one prompt.",
            body=generate,
            answer={JSON: ref("GenerateResponse")},
            errors=WHOLE_GENERATION,
        ),
        Operation(
            id="generate_stream",
            method="post",
            path=f"{path}/generate_stream",
            summary="A completion of one prompt, as it comes.",
            body=generate,
            answer=_events(ref("GenerateEvent")),
            errors=GENERATION,
        ),
    ]


def _of_openai() -> list[Operation]:
    models = {"object": {"const": "list"}, "data": array(ref("Model"), minItems=1, maxItems=1)}
    return [
        Operation(
            id="openai_models",
            path="/openai/v1/models",
            summary="What is served.",
            answer={JSON: full(models)},
        ),
        Operation(
            id="openai_model",
            path="/openai/v1/models/{model}",
            summary="The model.",
            answer={JSON: ref("Model")},
            errors=(*ANY, 404),
        ),
        Operation(
            id="chat_completions",
            method="post",
            path="/openai/v1/chat/completions",
            summary="Answers to a chat, whole or, with stream, as they come.",
            body={JSON: ref("ChatCompletionRequest")},
            answer={
                JSON: ref("ChatCompletionResponse"),
                **_events(ref("ChatCompletionEvent"), ends_with="[DONE]"),
            },
            errors=WHOLE_GENERATION,
        ),
        Operation(
            id="completions",
            method="post",
            path="/openai/v1/completions",
            summary="Continuations of prompts, whole or, with stream, as they come.",
            body={JSON: ref("CompletionRequest")},
            answer={
                JSON: ref("CompletionResponse"),
                **_events(ref("CompletionEvent"), ends_with="[DONE]"),
            },
            errors=WHOLE_GENERATION,
        ),
    ]


def _events(content: Schema, *, ends_with: str | None = None) -> Content:
    """Return server-sent events; OpenAPI 3.1 has no way to say that the schema is of each."""
    data: Schema = {
        "type": "string",
        "contentMediaType": JSON,
        "contentSchema": content,
    }
    if ends_with is not None:
        data = {"anyOf": [{"const": ends_with}, data]}
    event: Schema = {
        "type": "object",
        "properties": {"data": data},
        "required": ["data"],
        "description": "Each event of the stream. One with an error is the last.",
    }
    return {"text/event-stream": event}
