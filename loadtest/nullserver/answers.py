"""The REST answers as bytes, prepared once: V2 in the shapes of our predictor, and OpenAI's.

Every answer says the profile's number of tokens, each of them ``word``, whatever was asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import orjson

from loadtest.nullserver.profile import Profile
from loadtest.nullserver.reply import Pieces

NAME: Final = "null-server"
VERSION: Final = "1"
NUM_PROMPT_TOKENS: Final = 8
TOKEN: Final = "word "  # noqa: S105
BROKEN: Final = "the null server fails this request, as its profile asks"
REFUSED: Final = "the null server is above the rate that its profile allows"

_CREATED_S: Final = 1_700_000_000
_STREAM_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
)
_LAST_CHUNK: Final = b"0\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Generation:
    """The answers of one route; ``choose`` reads from the body which of them it asks for."""

    unary: Pieces | None
    stream: Pieces | None
    # OpenAI's only: the stream whose usage was asked for.
    stream_with_usage: Pieces | None = None


def chunk_text(profile: Profile) -> str:
    return TOKEN * profile.tokens_per_chunk


def whole_text(profile: Profile) -> str:
    return chunk_text(profile) * profile.num_chunks


def num_tokens(profile: Profile) -> int:
    return profile.tokens_per_chunk * profile.num_chunks


def encode_json(status: HTTPStatus, members: object) -> bytes:
    """Return a whole response."""
    return encode_whole(status, "application/json", orjson.dumps(members))


def encode_whole(status: HTTPStatus, content_type: str, body: bytes) -> bytes:
    retry = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: {content_type}\r\n{retry}"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def encode_error(status: HTTPStatus, message: str) -> bytes:
    return encode_json(status, {"error": message})


def generations(model: str, profile: Profile) -> Mapping[bytes, Generation]:
    """Return the routes that generate, by path."""
    v2 = f"/v2/models/{model}"
    routes: dict[str, Generation] = {
        f"{v2}/infer": Generation(_unary(_infer(model, profile), _v2_error), None),
        f"{v2}/generate": Generation(_unary(_generate(model, profile), _v2_error), None),
        f"{v2}/generate_stream": Generation(None, _v2_stream(model, profile)),
    }
    for prefix in ("", "/openai"):
        routes[f"{prefix}/v1/chat/completions"] = _openai(model, profile, is_chat=True)
        routes[f"{prefix}/v1/completions"] = _openai(model, profile, is_chat=False)
    return {path.encode(): generation for path, generation in routes.items()}


def pages(model: str) -> Mapping[bytes, bytes]:
    """Return the whole responses of the routes that only tell, by path."""
    tensors = [
        {"name": name, "datatype": datatype, "shape": [-1]}
        for name, datatype in (("text_output", "BYTES"), ("completion_tokens", "INT32"))
    ]
    prompt = {"name": "text_input", "datatype": "BYTES", "shape": [-1]}
    metadata = {"name": model, "versions": [VERSION], "platform": NAME}
    models = {
        "object": "list",
        "data": [{"id": model, "object": "model", "created": _CREATED_S, "owned_by": NAME}],
    }
    found = {
        "/v2": {"name": NAME, "version": VERSION, "extensions": ["generate"]},
        "/v2/health/live": {"live": True},
        "/v2/health/ready": {"ready": True},
        "/v2/models": {"models": [model]},
        f"/v2/models/{model}": {**metadata, "inputs": [prompt], "outputs": tensors},
        f"/v2/models/{model}/ready": {"name": model, "ready": True},
        "/v1/models": models,
        "/openai/v1/models": models,
        # Load generators knock at these before they start.
        "/health": {"status": "ok"},
        "/": {"name": NAME},
    }
    return {path.encode(): encode_json(HTTPStatus.OK, page) for path, page in found.items()}


def _unary(members: object, error: Callable[[HTTPStatus, str], bytes]) -> Pieces:
    whole = encode_json(HTTPStatus.OK, members)
    return Pieces(opening=b"", chunk=whole, ending=b"", cut=b"", **_failures(error))


def _stream(
    chunk: bytes, endings: list[bytes], error: Callable[[HTTPStatus, str], bytes]
) -> Pieces:
    return Pieces(
        opening=_STREAM_HEAD,
        chunk=_http_chunk(chunk),
        ending=b"".join(map(_http_chunk, endings)) + _LAST_CHUNK,
        cut=_LAST_CHUNK,
        **_failures(error),
    )


def _failures(error: Callable[[HTTPStatus, str], bytes]) -> dict[str, bytes]:
    return {
        "error": error(HTTPStatus.INTERNAL_SERVER_ERROR, BROKEN),
        "refusal": error(HTTPStatus.SERVICE_UNAVAILABLE, REFUSED),
    }


def _infer(model: str, profile: Profile) -> dict[str, object]:
    texts = {"text_output": whole_text(profile), "reasoning_output": "", "finish_reason": "length"}
    counts = _usage(profile)
    return {
        "model_name": model,
        "model_version": VERSION,
        "outputs": [
            *(_output(name, "BYTES", value) for name, value in texts.items()),
            *(_output(name, "INT32", value) for name, value in counts.items()),
        ],
    }


def _output(name: str, datatype: str, value: object) -> dict[str, object]:
    return {"name": name, "shape": [1], "datatype": datatype, "data": [value]}


def _usage(profile: Profile) -> dict[str, int]:
    return {
        "prompt_tokens": NUM_PROMPT_TOKENS,
        "reasoning_tokens": 0,
        "completion_tokens": num_tokens(profile),
    }


def _generate(model: str, profile: Profile) -> dict[str, object]:
    return _texts(model, whole_text(profile)) | {"details": _details(profile)}


def _texts(model: str, text: str) -> dict[str, object]:
    return {
        "model_name": model,
        "model_version": VERSION,
        "text_output": text,
        "reasoning_output": "",
    }


def _details(profile: Profile) -> dict[str, object]:
    return {"finish_reason": "length", "usage": _usage(profile)}


def _v2_stream(model: str, profile: Profile) -> Pieces:
    last = _texts(model, "") | {"details": _details(profile)}
    return _stream(_event(_texts(model, chunk_text(profile))), [_event(last)], _v2_error)


def _v2_error(status: HTTPStatus, message: str) -> bytes:
    return encode_error(status, message)


def _openai(model: str, profile: Profile, *, is_chat: bool) -> Generation:
    prefix, family = ("chatcmpl", "chat.completion") if is_chat else ("cmpl", "text_completion")
    common = {"id": f"{prefix}-null", "created": _CREATED_S, "model": model}
    part = {**common, "object": f"{family}.chunk" if is_chat else family}
    usage = {
        "prompt_tokens": NUM_PROMPT_TOKENS,
        "completion_tokens": num_tokens(profile),
        "total_tokens": NUM_PROMPT_TOKENS + num_tokens(profile),
    }

    def choices(text: str, reason: str | None, *, whole: bool = False) -> dict[str, object]:
        said: dict[str, object] = {"text": text}
        if is_chat:
            said = {"message" if whole else "delta": {"role": "assistant", "content": text}}
        return {"choices": [{"index": 0, **said, "logprobs": None, "finish_reason": reason}]}

    unary = {
        **common,
        "object": family,
        **choices(whole_text(profile), "length", whole=True),
        "usage": usage,
    }
    chunk = _event({**part, **choices(chunk_text(profile), None)})
    end, done = _event({**part, **choices("", "length")}), b"data: [DONE]\n\n"
    counted = _event({**part, "choices": [], "usage": usage})
    return Generation(
        unary=_unary(unary, _openai_error),
        stream=_stream(chunk, [end, done], _openai_error),
        stream_with_usage=_stream(chunk, [end, counted, done], _openai_error),
    )


def _openai_error(status: HTTPStatus, message: str) -> bytes:
    error = {"message": message, "type": "server_error", "param": None, "code": None}
    return encode_json(status, {"error": error})


def _event(members: dict[str, object]) -> bytes:
    return b"data: " + orjson.dumps(members) + b"\n\n"


def _http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)
