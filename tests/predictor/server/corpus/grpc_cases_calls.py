"""Calls that are bad by their method, size or metadata, and requests that only a stream refuses."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import grpc

from tests.predictor.server.corpus.grpc import Case, asking, bad, field, only, tensor
from tests.predictor.server.corpus.rest import PROMPT

LIMIT = 4 * 2**20
INFERENCE = "/inference.GRPCInferenceService/"
HEALTH = "/grpc.health.v1.Health/"


class Call(NamedTuple):
    """A call of one method, with the status and some words of its error."""

    method: str
    request: bytes
    status: str
    words: str
    keywords: Mapping[str, Any] = MappingProxyType({})


def not_served(*methods: str) -> dict[str, Call]:
    return {
        method: Call(method, field(1, PROMPT.encode()), "UNIMPLEMENTED", "Method not found!")
        for method in methods
    }


def named(method: str, name: str, version: str, words: str) -> Call:
    request = field(1, name.encode()) + field(2, version.encode())
    return Call(INFERENCE + method, request, "NOT_FOUND", words)


def corrupt(method: str, message: str) -> Call:
    words = f"the request is no {message} message"
    return Call(method, b"\xff", "INVALID_ARGUMENT", words)


def large(method: str, num_bytes: int = LIMIT + 1) -> Call:
    words = f"message larger than max ({num_bytes} vs. {LIMIT})"
    return Call(INFERENCE + method, bytes(num_bytes), "RESOURCE_EXHAUSTED", words)


NO_MODEL = "model '{}' is not served here, only r1"
NO_VERSION = "version '{}' of r1 is not served here, only 1"
CALLS = {
    **not_served(f"{INFERENCE}RepositoryModelLoad", f"{INFERENCE}RepositoryModelUnload"),
    **not_served(
        f"{INFERENCE}ModelStatistics", f"{INFERENCE}ModelConfig", f"{INFERENCE}modelinfer"
    ),
    **not_served(f"{INFERENCE}SystemSharedMemoryRegister", f"{INFERENCE}TraceSetting", INFERENCE),
    **not_served("/inference.grpcinferenceservice/ModelInfer", "/GRPCInferenceService/ModelInfer"),
    **not_served("/a/b", "/", "/v2/models/r1/infer", f"{HEALTH}List"),
    **not_served("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
    "ready of another model": named("ModelReady", "r2", "", NO_MODEL.format("r2")),
    "ready of no model": named("ModelReady", "", "", NO_MODEL.format("")),
    "ready of another version": named("ModelReady", "r1", "2", NO_VERSION.format("2")),
    "metadata of another model": named("ModelMetadata", "../r1", "", NO_MODEL.format("../r1")),
    "metadata of another version": named("ModelMetadata", "r1", "01", NO_VERSION.format("01")),
    "index of a repository": named(
        "RepositoryIndex", "models", "", "repository 'models' is not served here, only one without"
    ),
    "health of a model": Call(
        f"{HEALTH}Check", field(1, b"r1"), "NOT_FOUND", "service 'r1' is not served here, only ''"
    ),
    "corrupt ServerLive": corrupt(f"{INFERENCE}ServerLive", "ServerLiveRequest"),
    "corrupt ServerReady": corrupt(f"{INFERENCE}ServerReady", "ServerReadyRequest"),
    "corrupt ServerMetadata": corrupt(f"{INFERENCE}ServerMetadata", "ServerMetadataRequest"),
    "corrupt ModelReady": corrupt(f"{INFERENCE}ModelReady", "ModelReadyRequest"),
    "corrupt ModelMetadata": corrupt(f"{INFERENCE}ModelMetadata", "ModelMetadataRequest"),
    "corrupt RepositoryIndex": corrupt(f"{INFERENCE}RepositoryIndex", "RepositoryIndexRequest"),
    "corrupt health": corrupt(f"{HEALTH}Check", "HealthCheckRequest"),
    "a byte over 4 MiB": large("ModelInfer"),
    "a byte over 4 MiB in a stream": large("ModelStreamInfer"),
    "16 MiB": large("ModelInfer", 16 * 2**20),
    "a byte over 4 MiB for liveness": large("ServerLive"),
    "gzip": Call(
        f"{INFERENCE}ModelInfer",
        asking() * 100,
        "UNIMPLEMENTED",
        "gzip",
        {"compression": grpc.Compression.Gzip},
    ),
    "deflate in a stream": Call(
        f"{INFERENCE}ModelStreamInfer",
        asking() * 100,
        "UNIMPLEMENTED",
        "deflate",
        {"compression": grpc.Compression.Deflate},
    ),
    "metadata of 40 KB": Call(
        f"{INFERENCE}ModelInfer",
        asking(),
        "RESOURCE_EXHAUSTED",
        "metadata size",
        {"metadata": (("a", "b" * 40_000),)},
    ),
}
EMPTY_FINAL = "triton_enable_empty_final_response"


def wishing(value: Any, spelled: str) -> tuple[bytes, str]:
    words = f"{EMPTY_FINAL} is {spelled}, must be true or false"
    return asking(parameters={EMPTY_FINAL: value}), words


UNARY_ALONE = bad(
    {
        "a wish of streams": (
            asking(parameters={EMPTY_FINAL: True}),
            f"unknown parameter '{EMPTY_FINAL}', known: max_tokens",
        )
    }
)
STREAM_ALONE: dict[str, Case] = bad(
    {
        "two rows": (
            only(tensor("text_input", [PROMPT, PROMPT])),
            "the request has 2 rows, must have 1 in a stream",
        ),
        "1024 rows": (
            only(tensor("text_input", ["a"] * 1024)),
            "the request has 1024 rows, must have 1 in a stream",
        ),
        "a wish of 1": wishing(1, "1"),
        "a wish as text": wishing("true", "'true'"),
        "a wish of 1.0": wishing(1.0, "1.0"),
    }
)
