"""OpenAI's routes, whose errors are OpenAI's objects; bodies in detail are tested beside theirs."""

from typing import Any

from tests.predictor.server.corpus.rest import PROMPT, Body, bad, get, post

CHAT = "/openai/v1/chat/completions"
COMPLETIONS = "/openai/v1/completions"
USER = {"role": "user", "content": PROMPT}


def chat(**members: Any) -> bytes:
    return post(CHAT, {"model": "r1", "messages": [USER], **members})


def complete(**members: Any) -> bytes:
    return post(COMPLETIONS, {"model": "r1", "prompt": PROMPT, **members})


def on_both(name: str, body: Body, words: str) -> dict[str, tuple[bytes, str]]:
    return {
        f"chat: {name}": (post(CHAT, body), words),
        f"completions: {name}": (post(COMPLETIONS, body), words),
    }


BODIES = bad(
    {
        **on_both("empty body", b"", "the body is not JSON: "),
        **on_both("not JSON", PROMPT, "the body is not JSON: "),
        **on_both("NaN", b'{"model": "r1", "temperature": NaN}', "the body is not JSON: "),
        **on_both("a surrogate", rb'{"model": "\ud800"}', "the body is not JSON: "),
        **on_both("null", b"null", "the body is null, must be an object"),
        **on_both("a list", b"[]", "the body is a list, must be an object"),
        **on_both("65 levels", "[" * 65 + "]" * 65, "the body is nested deeper than 64 levels"),
        **on_both("model twice", '{"model": "r1", "model": "r1"}', "the key 'model' twice in one"),
        **on_both("no model", b"{}", "model is missing"),
        **on_both("model a number", {"model": 1}, "model is 1, must be the name of the model"),
        **on_both("unknown member", {"model": "r1", "top": 1}, "the body has unknown member 'top'"),
        "no messages": (post(CHAT, {"model": "r1"}), "messages is missing"),
        "messages as text": (chat(messages=PROMPT), "messages is a string, must be a list"),
        "messages empty": (chat(messages=[]), "messages is empty, must hold at least 1 message"),
        "a role unknown": (
            chat(messages=[{"role": PROMPT, "content": "a"}]),
            "messages[0]: role is unknown, must be one of",
        ),
        "an image": (
            chat(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]),
            "messages[0]: content[0] has type image_url, must have type text",
        ),
        "tools": (chat(tools=[]), "tools is not supported, leave it out"),
        "JSON mode": (
            chat(response_format={"type": "json_object"}),
            "response_format: json_object is not supported, must be text",
        ),
        "n of 17": (chat(n=17), "n is 17, must be an integer from 1 to 16"),
        "n of 0": (complete(n=0), "n is 0, must be an integer from 1 to 16"),
        "stream a string": (chat(stream="true"), "stream is 'true', must be true or false"),
        "options of no stream": (
            chat(stream_options={"include_usage": True}),
            "stream_options is given, must be left out unless stream is true",
        ),
        "top_logprobs alone": (
            chat(top_logprobs=1),
            "top_logprobs is 1, must be left out unless logprobs is true",
        ),
        "temperature in a stream": (
            chat(stream=True, temperature=3),
            "temperature is 3, must be 0 or a number from 0.01 to 2",
        ),
        "beyond the context": (
            chat(max_completion_tokens=4096),
            "max_completion_tokens is 4096, must be at most",
        ),
        "no prompt": (post(COMPLETIONS, {"model": "r1"}), "prompt is missing"),
        "a prompt empty": (complete(prompt=""), "prompt is empty, must be at least 1 character"),
        "a prompt of ids": (
            complete(prompt=[1, 2]),
            "prompt[0] is a number, must be a string: token ids are not supported",
        ),
        "1025 prompts": (
            complete(prompt=[PROMPT] * 1025),
            "prompt has 1025 entries, must have at most 1024",
        ),
        "echo": (complete(echo=True), "echo is not supported, leave it out"),
        "best_of": (complete(best_of=2), "best_of is not supported, leave it out"),
        "logprobs of 21": (complete(logprobs=21), "logprobs is 21, must be an integer from 0 to 2"),
    }
)
NOT_SERVED = "model 'r2' is not served here, only r1"
MODELS = bad(
    {
        "chat": (chat(model="r2"), NOT_SERVED),
        "completions": (complete(model="r2"), NOT_SERVED),
        "a stream": (chat(model="r2", stream=True), NOT_SERVED),
        "a model's card": (get("/openai/v1/models/r2"), NOT_SERVED),
    },
    404,
)
TYPED = "must be application/json"
MEDIA = bad(
    {
        "chat": (post(CHAT, b"{}", Content_Type="text/plain"), TYPED),
        "completions": (post(COMPLETIONS, b"{}", Content_Type="application/octet-stream"), TYPED),
        "gzip": (post(CHAT, b"{}", Content_Encoding="gzip"), "content-encoding is 'gzip', must be"),
    },
    415,
)
LARGE = bad(
    {"chat": (post(CHAT, bytes(4 * 2**20 + 1)), "the body is 4194305 bytes long, must be at most")},
    413,
)
GROUPS = {
    "OpenAI: bodies": BODIES,
    "OpenAI: models": MODELS,
    "OpenAI: media types": MEDIA,
    "OpenAI: large bodies": LARGE,
}
