"""Paths, methods and media types: 404, 405, 413 and 415."""

import gzip
import json

from tests.predictor.server.corpus.rest import (
    MODEL,
    PROMPT,
    TEXT,
    Case,
    bad,
    chunked,
    get,
    http,
    infer,
    post,
)

BODY = json.dumps({"inputs": [TEXT]}).encode()
VERSION = f"{MODEL}/versions/1"
NOT_FOUND = " not found at this path"


def unknown_model(segment: str, spelled: str) -> dict[str, tuple[bytes, str]]:
    words = f"model {spelled} is not served here, only r1"
    path = f"/v2/models/{segment}"
    return {
        f"model {segment[:20]}: metadata": (get(path), words),
        f"model {segment[:20]}: ready": (get(f"{path}/ready"), words),
        f"model {segment[:20]}: infer": (post(f"{path}/infer", BODY), words),
        f"model {segment[:20]}: generate": (post(f"{path}/generate", BODY), words),
    }


def unknown_version(segment: str, spelled: str) -> dict[str, tuple[bytes, str]]:
    words = f"version {spelled} of r1 is not served here, only 1"
    path = f"{MODEL}/versions/{segment}"
    return {
        f"version {segment[:20]}": (get(path), words),
        f"version {segment[:20]}: ready": (get(f"{path}/ready"), words),
        f"version {segment[:20]}: infer": (post(f"{path}/infer", BODY), words),
    }


def nowhere(method: str, *paths: str) -> dict[str, tuple[bytes, str]]:
    return {f"{method} {path}": (http(method, path), f"{method}{NOT_FOUND}") for path in paths}


MODELS = bad(
    {
        **unknown_model("r2", "'r2'"),
        **unknown_model("R1", "'R1'"),
        **unknown_model("r1%20", "'r1 '"),
        **unknown_model("..", "'..'"),
        **unknown_model("%2e%2e", "'..'"),
        **unknown_model("x" * 1000, f"'{'x' * 27}...{'x' * 28}'"),
        **unknown_model("%D0%BC", "'м'"),
        **unknown_model("%00", r"'\x00'"),
        **unknown_model("a%0d%0ab:c", r"'a\r\nb:c'"),
        **unknown_model("%F0%9F%98%80", "'😀'"),
        **unknown_model("r1;a=b", "'r1;a=b'"),
        **unknown_model("*", "'*'"),
        **unknown_version("2", "'2'"),
        **unknown_version("01", "'01'"),
        **unknown_version("1.0", "'1.0'"),
        **unknown_version("latest", "'latest'"),
        **unknown_version("-1", "'-1'"),
        **unknown_version("%2e%2e", "'..'"),
        **unknown_version("%EF%BC%91", "'１'"),
        # An encoded slash is part of a segment (RFC 3986, 2.2); gateways match it as such.
        "an encoded slash before the model": (get("/v2/models%2Fr1"), "not "),
        "an encoded slash before ready": (get(f"{MODEL}%2Fready"), "not "),
        "an encoded slash before infer": (post(f"{MODEL}%2finfer", BODY), "not "),
        "version of another model": (
            get("/v2/models/r2/versions/1"),
            "model 'r2' is not served here, only r1",
        ),
    },
    404,
)
PATHS = bad(
    {
        **nowhere("GET", "/v2/", "/v2/models/", "/v2/models/r1/", "/v2/models//", "/V2", "//v2"),
        **nowhere("GET", "/v2/models/../models/r1", "/v2/models/r1/../r1", "/v2/health", "/v3"),
        **nowhere("GET", "/v2/models/r1/versions", "/v2/models/r1/versions/", "/v2/health/live/"),
        **nowhere("GET", "/v2/models/r1/stats", "/v2/models/r1/config", "/v2/repository"),
        **nowhere(
            "GET", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v2%00", "/favicon.ico"
        ),
        **nowhere("GET", "/v1/models", "/v1/models/r1", "/docs", "/redoc", "/openapi.json"),
        **nowhere("GET", "/healthz", "/v2/logging", "/v2/trace/setting", "/.env", "/metrics/"),
        **nowhere(
            "POST", "/v1/models/r1:predict", "/v1/models/r1:explain", "/v2/models/r1/explain"
        ),
        **nowhere("POST", "/v2/repository/models/r1/load", "/v2/repository/models/r1/unload"),
        **nowhere("POST", "/v2/models//infer", "/v2/models/r1//infer", "/v2/models/r1/infer/"),
        **nowhere("POST", "/v2/models/r1/versions//infer", "/v2/models/r1/versions/1/2/infer"),
        **nowhere("POST", "/v2/models/r1/INFER", "/v2/models/a/b/infer", "/infer", "/generate"),
        **nowhere("POST", "/v2/systemsharedmemory/region/a/register", "/v1/chat/completions"),
        **nowhere("POST", "/v2/cudasharedmemory/status", "/openai/v1/embeddings"),
        **nowhere("DELETE", "/v2/models/r1/versions/1/2", "/v3"),
    },
    404,
)
GETS = [
    "/",
    "/metrics",
    "/v2",
    "/v2/health/live",
    "/v2/health/ready",
    "/v2/models",
    "/v2/openapi.json",
]
GETS += [MODEL, f"{MODEL}/ready", VERSION, f"{VERSION}/ready"]
VERBS = ("infer", "generate", "generate_stream")
POSTS = [f"{path}/{verb}" for path in (MODEL, VERSION) for verb in VERBS]
POSTS += ["/v2/repository/index"]


def disallowed(method: str, *paths: str) -> dict[str, tuple[bytes, str]]:
    words = f"{method} method not allowed at this path"
    return {f"{method} {path}": (http(method, path), words) for path in paths}


METHODS = bad(
    {
        **disallowed("POST", *GETS),
        **disallowed("GET", *POSTS),
        **disallowed("PUT", "/v2", MODEL, *POSTS),
        **disallowed("DELETE", "/v2/models", MODEL, f"{MODEL}/infer", "/metrics"),
        **disallowed("PATCH", MODEL, f"{MODEL}/infer"),
        **disallowed("OPTIONS", "/v2", MODEL, *POSTS),
        **disallowed("TRACE", "/v2", f"{MODEL}/infer"),
        "the wrong method before the wrong model": (
            get("/v2/models/r2/infer"),
            "GET method not allowed at this path",
        ),
        "a preflight": (
            http(
                "OPTIONS",
                f"{MODEL}/infer",
                Origin="http://evil.example",
                Access_Control_Request_Method="POST",
                Access_Control_Request_Headers="content-type",
            ),
            "OPTIONS method not allowed at this path",
        ),
        "GET of chat completions": (
            get("/openai/v1/chat/completions"),
            "GET method not allowed at this path",
        ),
    },
    405,
)


def typed(content_type: str, spelled: str | None = None) -> tuple[bytes, str]:
    shown = repr(content_type) if spelled is None else spelled
    words = f"content-type is {shown}, must be application/json or application/octet-stream"
    return infer(BODY, Content_Type=content_type), words


def encoded(coding: str, body: bytes = BODY) -> tuple[bytes, str]:
    words = f"content-encoding is {coding!r}, must be left out"
    return infer(body, Content_Encoding=coding), words


def json_alone(path: str, content_type: str) -> tuple[bytes, str]:
    words = f"content-type is {content_type!r}, must be application/json"
    return post(path, BODY, Content_Type=content_type), words


MEDIA = bad(
    {
        "a form": typed("application/x-www-form-urlencoded"),
        "text": typed("text/plain"),
        "text in JSON's place": typed("text/json"),
        "multipart": typed("multipart/form-data; boundary=a"),
        "XML": typed("application/xml"),
        "protobuf": typed("application/x-protobuf"),
        "gRPC": typed("application/grpc"),
        "anything": typed("*/*"),
        "any application": typed("application/*"),
        "no type": typed("json"),
        "empty": typed(""),
        "JSON with a suffix": typed("application/vnd.api+json"),
        "lines of JSON": typed("application/x-ndjson"),
        "JSON in Latin-1": typed("application/json; charset=iso-8859-1"),
        "JSON in UTF-16": typed("application/json; charset=utf-16"),
        "JSON in an unknown charset": typed("application/json; charset=secret"),
        "two types": typed("application/json, text/plain"),
        "two equal types": typed("application/json, application/json"),
        "1000 letters": typed("a" * 1000, f"'{'a' * 27}...{'a' * 28}'"),
        "gzip": encoded("gzip", gzip.compress(BODY)),
        "gzip that is none": encoded("gzip"),
        "deflate": encoded("deflate"),
        "br": encoded("br"),
        "zstd": encoded("zstd"),
        "an unknown coding": encoded("secret"),
        "identity and gzip": encoded("identity, gzip"),
        "bytes for generate": json_alone(f"{MODEL}/generate", "application/octet-stream"),
        "bytes for a stream": json_alone(f"{MODEL}/generate_stream", "application/octet-stream"),
        "text for a stream": json_alone(f"{MODEL}/generate_stream", "text/plain"),
        "text for the index": json_alone("/v2/repository/index", "text/plain"),
        "text for a version": (
            post(f"{VERSION}/infer", PROMPT, Content_Type="text/plain"),
            "content-type is 'text/plain', must be application/json",
        ),
        "two headers": (
            infer(BODY, Content_Type="application/json", Content_type="text/plain"),
            "content-type is 'application/json, text/plain', must be",
        ),
    },
    415,
)
LIMIT = 4 * 2**20
TOO_LARGE = f"the body is {LIMIT + 1} bytes long, must be at most {LIMIT}"


def too_large(path: str) -> tuple[bytes, str]:
    return post(path, bytes(LIMIT + 1)), TOO_LARGE


LARGE = bad(
    {
        "infer": too_large(f"{MODEL}/infer"),
        "generate": too_large(f"{MODEL}/generate"),
        "generate_stream": too_large(f"{MODEL}/generate_stream"),
        "the index": too_large("/v2/repository/index"),
        "in chunks": (
            chunked(f"{MODEL}/infer", *[bytes(2**20)] * 4, b"z"),
            f"the body is longer than {LIMIT} bytes",
        ),
        "in one chunk": (
            chunked(f"{MODEL}/infer", bytes(LIMIT + 1)),
            f"the body is longer than {LIMIT} bytes",
        ),
    },
    413,
)
LARGE |= bad({"no more than the limit": (infer(b" " * LIMIT), "the body is not JSON: ")})


GROUPS: dict[str, dict[str, Case]] = {
    "models and versions": MODELS,
    "paths": PATHS,
    "methods": METHODS,
    "media types": MEDIA,
    "large bodies": LARGE,
}
