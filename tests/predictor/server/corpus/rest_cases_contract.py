"""What surrounds the inputs: chats, requested outputs, ids, the model's name, the context."""

import json
from typing import Any

from tests.predictor.server.corpus.rest import PROMPT, asking, bad, only, tensor

USER = {"role": "user", "content": PROMPT}


def chat(value: Any, words: str) -> tuple[bytes, str]:
    text = value if isinstance(value, str) else json.dumps(value)
    return only(tensor("messages", [text])), f"row 0: {words}"


MESSAGES = bad(
    {
        "the prompt itself": chat(PROMPT, "messages is not JSON: "),
        "no text": chat("", "messages is not JSON: "),
        "cut": chat('[{"role": "user", "content": "a"}', "messages is not JSON: "),
        "NaN": chat("[NaN]", "messages is not JSON: "),
        "a surrogate": chat(r'[{"role": "user", "content": "\ud800"}]', "messages is not JSON: "),
        "null": chat("null", "messages is null, must be a list"),
        "an object": chat(USER, "messages is an object, must be a list"),
        "a string": chat(f'"{PROMPT}"', "messages is a string, must be a list"),
        "empty": chat([], "messages is empty, must hold at least 1 message"),
        "a turn null": chat([None], "messages[0] is null, must be an object"),
        "a turn a string": chat([PROMPT], "messages[0] is a string, must be an object"),
        "a turn a list": chat([[USER]], "messages[0] is a list, must be an object"),
        "a turn empty": chat([{}], "messages[0] has no role"),
        "no role": chat([{"content": PROMPT}], "messages[0] has no role"),
        "no content": chat([{"role": "user"}], "messages[0] has no content"),
        "role unknown": chat(
            [{"role": "tool", "content": PROMPT}],
            "messages[0]: role is unknown, must be one of system, user, assistant",
        ),
        "role and content swapped": chat(
            [{"role": PROMPT, "content": "user"}],
            "messages[0]: role is unknown, must be one of system, user, assistant",
        ),
        "role in capitals": chat(
            [{"role": "User", "content": "a"}], "messages[0]: role is unknown, must"
        ),
        "role a number": chat(
            [{"role": 1, "content": "a"}], "messages[0]: role is unknown, must be one"
        ),
        "role a list": chat(
            [{"role": ["user"], "content": "a"}], "messages[0]: role is unknown, must be"
        ),
        "role null": chat(
            [{"role": None, "content": "a"}], "messages[0]: role is null, leave it out instead"
        ),
        "content null": chat(
            [{"role": "user", "content": None}],
            "messages[0]: content is null, leave it out instead",
        ),
        "content a number": chat(
            [{"role": "user", "content": 1}], "messages[0]: content is a number, must be a string"
        ),
        "content a list of parts": chat(
            [{"role": "user", "content": [{"type": "text", "text": PROMPT}]}],
            "messages[0]: content is a list, must be a string",
        ),
        "content an object": chat(
            [{"role": "user", "content": {}}], "messages[0]: content is an object, must be a string"
        ),
        "content empty": chat(
            [{"role": "user", "content": ""}],
            "messages[0]: content is empty, must be at least 1 character",
        ),
        "an unknown member": chat(
            [{**USER, "name": "a"}], "messages[0] has unknown member 'name', known"
        ),
        "tool calls": chat(
            [{**USER, "tool_calls": []}], "messages[0] has unknown member 'tool_calls'"
        ),
        "the second at fault": chat([USER, {"role": "user"}], "messages[1] has no content"),
        "a second row at fault": (
            only(tensor("messages", [json.dumps([USER]), "[]"])),
            "row 1: messages is empty, must hold at least 1 message",
        ),
        "the last an answer": chat(
            [USER, {"role": "assistant", "content": "a"}],
            "the last of messages has role 'assistant', must be 'user'",
        ),
        "the last a system's": chat(
            [USER, {"role": "system", "content": "a"}],
            "the last of messages has role 'system', must be 'user'",
        ),
    }
)


def wishing(value: Any, words: str, **parameters: Any) -> tuple[bytes, str]:
    return asking(outputs=value, **parameters), words


def wished(words: str, **members: Any) -> tuple[bytes, str]:
    return wishing([{"name": "text_output", **members}], words)


OUTPUTS = bad(
    {
        "null": wishing(None, "the body: outputs is null, leave it out instead"),
        "a string": wishing("text_output", "outputs is a string, must be a list"),
        "an object": wishing({"name": "text_output"}, "outputs is an object, must be a list"),
        "names alone": wishing(["text_output"], "outputs[0] is a string, must be an object"),
        "an output null": wishing([None], "outputs[0] is null, must be an object"),
        "nameless": wishing([{}], "outputs[0] has no name"),
        "name null": wishing([{"name": None}], "outputs[0]: name is null, leave it out instead"),
        "name a number": wishing([{"name": 1}], "outputs[0]: name is a number, must be a string"),
        "name empty": wishing([{"name": ""}], "unknown output '', known: text_output, reasoning"),
        "unknown": wishing([{"name": "text"}], "unknown output 'text', known: text_output, reas"),
        "an input's name": wishing([{"name": "text_input"}], "unknown output 'text_input', known"),
        "twice": wishing([{"name": "text_output"}] * 2, "output text_output is requested twice"),
        "65 of them": wishing([{"name": "text_output"}] * 65, "outputs has 65 entries, must have"),
        "logprobs not asked for": wishing(
            [{"name": "logprobs"}], "output logprobs is requested without the parameter logprobs"
        ),
        "unknown member": wished(
            "outputs[0] has unknown member 'datatype', known: name", datatype=""
        ),
        "a shape": wished("outputs[0] has unknown member 'shape', known: name", shape=[1]),
        "parameters null": wished("outputs[0]: parameters is null, leave it out", parameters=None),
        "parameters a list": wished(
            "output 'text_output': parameters is a list, must be an object", parameters=[]
        ),
        "classification": wished(
            "output text_output has unknown parameter 'classification', must be left out",
            parameters={"classification": 2},
        ),
        "shared memory": wished(
            "output text_output has unknown parameter 'shared_memory_region', must be left out",
            parameters={"shared_memory_region": "a"},
        ),
        "binary_data a string": wished(
            "output 'text_output': binary_data is 'true', must be true or false",
            parameters={"binary_data": "true"},
        ),
        "binary_data null": wished(
            "output 'text_output': binary_data is null, must be true or false",
            parameters={"binary_data": None},
        ),
        "all binary, a number": (
            asking(parameters={"binary_data_output": 1}),
            "binary_data_output is 1, must be true or false",
        ),
        "all binary, null": (
            asking(parameters={"binary_data_output": None}),
            "binary_data_output is null, must be true or false",
        ),
    }
)


def called(value: Any) -> tuple[bytes, str]:
    words = f"model_name is {value!r}, must be 'r1' as in the path, or left out"
    return asking(model_name=value), words


NAMES = bad(
    {
        "id null": (asking(id=None), "the body: id is null, leave it out instead"),
        "id a number": (asking(id=1), "id is a number, must be a string"),
        "id a float": (asking(id=1.5), "id is a number, must be a string"),
        "id true": (asking(id=True), "id is a boolean, must be a string"),
        "id an object": (asking(id={"a": 1}), "id is an object, must be a string"),
        "id a list": (asking(id=["a"]), "id is a list, must be a string"),
        "id of 257 letters": (asking(id="x" * 257), "id has 257 characters, must have at most 256"),
        "id of 257 umlauts": (asking(id="ä" * 257), "id has 257 characters, must have at most 256"),
        "id of 1 MB": (asking(id="x" * 10**6), "id has 1000000 characters, must have at most 256"),
        "another model": called("r2"),
        "the model in capitals": called("R1"),
        "model name empty": called(""),
        "model name a number": called(1),
        "model name a list": called(["r1"]),
        "model name null": (
            asking(model_name=None),
            "the body: model_name is null, leave it out instead",
        ),
        "model version": (
            asking(model_version="1"),
            "the body has unknown member 'model_version', known: inputs, id, model_name",
        ),
        "OpenAI's prompt": (asking(prompt=PROMPT), "the body has unknown member 'prompt', known"),
        "V1's instances": (asking(instances=[PROMPT]), "the body has unknown member 'instances'"),
        "generate's text_input": (
            asking(text_input=PROMPT),
            "the body has unknown member 'text_input', known: inputs, id",
        ),
        "request outputs as in Python": (
            asking(request_outputs=[]),
            "the body has unknown member 'request_outputs', known: inputs, id",
        ),
    }
)
GROUPS = {"messages": MESSAGES, "outputs": OUTPUTS, "ids and names": NAMES}
