"""The bodies of /generate, of /generate_stream and of the repository's index."""

from typing import Any

from tests.predictor.server.corpus.options import BAD_OPTIONS
from tests.predictor.server.corpus.rest import MODEL, PROMPT, Body, bad, post

USER = {"role": "user", "content": PROMPT}
HOLDS = "the body holds {} of text_input and messages, must hold one"


def asking(**members: Any) -> dict[str, Any]:
    return {"text_input": PROMPT, **members}


def optioned(**values: Any) -> dict[str, Any]:
    return asking(parameters=values)


BODIES: dict[str, tuple[Body, str]] = {
    "empty body": (b"", "the body is not JSON: "),
    "not JSON": (PROMPT, "the body is not JSON: "),
    "null": (b"null", "the body is null, must be an object"),
    "a list": ([asking()], "the body is a list, must be an object"),
    "a string": (f'"{PROMPT}"', "the body is a string, must be an object"),
    "NaN": (b'{"text_input": "a", "parameters": {"top_p": NaN}}', "the body is not JSON: "),
    "a surrogate": (rb'{"text_input": "\ud800"}', "the body is not JSON: "),
    "a key twice": (b'{"text_input": "a", "text_input": "b"}', "the key 'text_input' twice"),
    "65 levels": ("[" * 65 + "]" * 65, "the body is nested deeper than 64 levels"),
    "no prompt": ({}, HOLDS.format("neither")),
    "parameters alone": ({"parameters": {}}, HOLDS.format("neither")),
    "both prompts": (asking(messages=[USER]), HOLDS.format("both")),
    "the prompt null": ({"text_input": None}, "the body: text_input is null, leave it out instead"),
    "the prompt a number": ({"text_input": 1}, "text_input is a number, must be a string"),
    "the prompt a list": ({"text_input": [PROMPT]}, "text_input is a list, must be a string"),
    "the prompt an object": ({"text_input": USER}, "text_input is an object, must be a string"),
    "the prompt empty": ({"text_input": ""}, "text_input is empty, must be at least 1 character"),
    "messages null": ({"messages": None}, "the body: messages is null, leave it out instead"),
    "messages as text": ({"messages": "[]"}, "messages is a string, must be a list"),
    "messages an object": ({"messages": USER}, "messages is an object, must be a list"),
    "messages empty": ({"messages": []}, "messages is empty, must hold at least 1 message"),
    "no content": ({"messages": [{"role": "user"}]}, "messages[0] has no content"),
    "role unknown": (
        {"messages": [{"role": PROMPT, "content": "user"}]},
        "messages[0]: role is unknown, must be one of system, user, assistant",
    ),
    "the last an answer": (
        {"messages": [USER, {"role": "assistant", "content": PROMPT}]},
        "the last of messages has role 'assistant', must be 'user'",
    ),
    "raw messages": (
        {"messages": [USER], "parameters": {"raw": True}},
        "raw is true, must be false with messages; raw goes with text_input",
    ),
    "unknown member": (
        asking(stream=True),
        "the body has unknown member 'stream', known: text_inp",
    ),
    "infer's inputs": (asking(inputs=[]), "the body has unknown member 'inputs', known: text_inp"),
    "an id": (asking(id="a"), "the body has unknown member 'id', known: text_input, messages, par"),
    "an option beside the prompt": (
        asking(temperature=0.5),
        "the body has unknown member 'temperature', known: text_input, messages, parameters",
    ),
    "parameters null": (asking(parameters=None), "the body: parameters is null, leave it out"),
    "parameters a list": (asking(parameters=[]), "parameters is a list, must be an object"),
    "parameters a string": (asking(parameters="a"), "parameters is a string, must be an object"),
    "an unknown parameter": (optioned(n=1), "unknown parameter 'n', known: details, max_tokens"),
    "details a number": (optioned(details=1), "details is 1, must be true or false"),
    "details null": (optioned(details=None), "details is null, must be true or false"),
    "binary outputs": (optioned(binary_data_output=True), "unknown parameter 'binary_data_output'"),
    "raw and enable_thinking": (
        optioned(raw=True, enable_thinking=False),
        "enable_thinking is false, must be left out when raw is true",
    ),
    "beyond the context": (
        {"text_input": "SECRET-PROMPT " * 4000},
        "tokens long, must be at most 4095 in a context of 4096",
    ),
}
OPTIONS: dict[str, tuple[Body, str]] = {
    f"option {name}": (optioned(**{case.name: case.value}), case.words)
    for name, case in BAD_OPTIONS.items()
    if name.endswith((": above", ": a string", ": a word"))
}


def on(path: str, bodies: dict[str, tuple[Body, str]]) -> dict[str, tuple[bytes, str]]:
    return {name: (post(path, body), words) for name, (body, words) in bodies.items()}


INDEX: dict[str, tuple[Body, str]] = {
    "not JSON": ("{", "the body is not JSON: "),
    "blanks": (" ", "the body is not JSON: "),
    "null": (b"null", "the body is null, must be an object"),
    "a list": ([], "the body is a list, must be an object"),
    "ready null": ({"ready": None}, "the body: ready is null, leave it out instead"),
    "ready a string": ({"ready": "true"}, "ready is 'true', must be true or false"),
    "ready a number": ({"ready": 1}, "ready is 1, must be true or false"),
    "ready a list": ({"ready": [True]}, "ready is ["),
    "ready twice": ('{"ready": true, "ready": true}', "the key 'ready' twice in one object"),
    "unknown member": ({"name": "r1"}, "the body has unknown member 'name', known: ready"),
    "65 levels": ("[" * 65 + "]" * 65, "the body is nested deeper than 64 levels"),
}
GROUPS = {
    "generate": bad(on(f"{MODEL}/generate", BODIES | OPTIONS)),
    "generate_stream": bad(on(f"{MODEL}/versions/1/generate_stream", BODIES | OPTIONS)),
    "repository index": bad(on("/v2/repository/index", INDEX)),
}
