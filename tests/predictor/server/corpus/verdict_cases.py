"""What REST and gRPC must judge alike, word for word."""

from collections.abc import Sequence
from typing import Any

from tests.predictor.server.corpus.rest import PROMPT
from tests.predictor.server.corpus.verdicts import Asked

T = ("text_input", "BYTES", [1], [PROMPT])
TWO = ("text_input", "BYTES", [2], [PROMPT, PROMPT])
CHAT = '[{"role":"user","content":"a"}]'
INPUT = "input 'text_input'"


def text(
    shape: Sequence[int], words: str, data: Sequence[str] = (PROMPT,), datatype: str = "BYTES"
) -> tuple[Asked, str]:
    return Asked([("text_input", datatype, shape, data)]), words


def option(name: str, datatype: str, value: Any, words: str, *others: Any) -> tuple[Asked, str]:
    return Asked([T, (name, datatype, [1 + len(others)], [value, *others])]), words


def given(words: str, **parameters: Any) -> tuple[Asked, str]:
    return Asked([T], parameters), words


def chat(words: str, value: str) -> tuple[Asked, str]:
    return Asked([("messages", "BYTES", [1], [value])]), f"row 0: {words}"


REFUSED = {
    "no inputs": (Asked([]), "inputs hold neither of text_input and messages, must hold one"),
    "options alone": (
        Asked([("seed", "INT64", [1], [1])]),
        "inputs hold neither of text_input and messages, must hold one",
    ),
    "both prompts": (
        Asked([T, ("messages", "BYTES", [1], [CHAT])]),
        "inputs hold both of text_input and messages, must hold one",
    ),
    "unknown input": (Asked([("prompt", "BYTES", [1], ["a"])]), "unknown input 'prompt', known:"),
    "nameless input": (Asked([("", "BYTES", [1], ["a"])]), "unknown input '', known: text_input"),
    "the same input twice": (Asked([T, T]), "input text_input is given twice"),
    "65 inputs": (Asked([T] * 65), "inputs has 65 entries, must have at most 64"),
    "parameter of an input": (
        Asked([T], of_inputs={"shared_memory_region": "a"}),
        "input text_input has unknown parameter 'shared_memory_region', must be left out",
    ),
    "no shape": text([], f"{INPUT} has shape [], must be [n] or [n,1] with n from 1 to 1024"),
    "shape negative": text([-1], f"{INPUT} has shape [-1], must be [n] or [n,1]"),
    "shape of two negatives": text([-1, -1], f"{INPUT} has shape [-1, -1], must be [n] or [n,1]"),
    "shape zero": text([0], f"{INPUT} has shape [0], must be [n] or [n,1]", ()),
    "shape huge": text([2**62], f"{INPUT} has shape [4611686018427387904], must be [n] or [n,1]"),
    "shape wide": text([1, 2], f"{INPUT} has shape [1, 2], must be [n]", (PROMPT, PROMPT)),
    "shape of three": text([1, 1, 1], f"{INPUT} has shape [1, 1, 1], must be [n] or [n,1]"),
    "shape of 1000": text([1] * 1000, f"{INPUT} has shape [1, 1, 1, 1, 1, 1, ...], must be [n]"),
    "1025 rows": text([1025], f"{INPUT} has shape [1025], must be [n] or [n,1]", ("a",) * 1025),
    "no elements": text([1], f"{INPUT} has shape [1], so 1 elements, but holds 0", ()),
    "fewer elements": text([3], f"{INPUT} has shape [3], so 3 elements, but holds 2", ("a", "b")),
    "more elements": text([1], f"{INPUT} has shape [1], so 1 elements, but holds more", ("a",) * 9),
    "rows that differ": option(
        "seed", "INT64", 1, "input seed has 2 rows, must have 1 as text_input has", 2
    ),
    "datatype unknown": text([1], f"{INPUT} has datatype 'STRING', must be one of", (), "STRING"),
    "datatype empty": text([1], f"{INPUT} has datatype '', must be one of BOOL, INT8", (), ""),
    "datatype in small letters": text([1], f"{INPUT} has datatype 'bytes', must", (), "bytes"),
    "datatype FP16": text([1], f"{INPUT} has datatype 'FP16', must be one of", (), "FP16"),
    "datatype BF16": text([1], f"{INPUT} has datatype 'BF16', must be one of", (), "BF16"),
    "prompt of integers": (
        Asked([("text_input", "INT32", [1], [1])]),
        "input text_input has datatype 'INT32', must be BYTES",
    ),
    "seed of floats": option("seed", "FP32", 1.0, "input seed has datatype 'FP32', must be one"),
    "seed of booleans": option("seed", "BOOL", True, "input seed has datatype 'BOOL', must be one"),
    "top_p of integers": option("top_p", "INT8", 1, "input top_p has datatype 'INT8', must be one"),
    "raw of integers": option("raw", "UINT8", 1, "input raw has datatype 'UINT8', must be BOOL"),
    "text empty": text([1], "row 0: text_input is empty, must be at least 1 character", ("",)),
    "second text empty": text([2], "row 1: text_input is empty, must be at least 1", ("a", "")),
    "chat no JSON": chat("messages is not JSON: ", PROMPT),
    "chat an object": chat("messages is an object, must be a list", "{}"),
    "chat empty": chat("messages is empty, must hold at least 1 message", "[]"),
    "chat of 65 levels": chat("messages is nested deeper than 64 levels", "[" * 65 + "]" * 65),
    "chat with a key twice": chat(
        "messages has the key 'role' twice in one object, must have it once",
        '[{"role":"user","role":"user","content":"a"}]',
    ),
    "chat of a tool": chat(
        "messages[0]: role is unknown, must be one of system, user, assistant",
        '[{"role":"tool","content":"a"}]',
    ),
    "chat without content": chat("messages[0] has no content", '[{"role":"user"}]'),
    "chat that ends in an answer": chat(
        "the last of messages has role 'assistant', must be 'user'",
        '[{"role":"assistant","content":"a"}]',
    ),
    "raw chat": (
        Asked([("messages", "BYTES", [1], [CHAT])], {"raw": True}),
        "row 0: raw is true, must be false with messages",
    ),
    "temperature in its gap": given("temperature is 0.005, must be 0 or a num", temperature=0.005),
    "temperature tensor in its gap": option(
        "temperature", "FP32", 0.005, "row 0: temperature is 0.005, must be 0 or a number"
    ),
    "top_p of 0": given("top_p is 0.0, must be a number above 0 and at most 1", top_p=0.0),
    "top_k below": option("top_k", "INT32", -7, "row 0: top_k is -7, must be an integer from 0"),
    "seed beyond INT64": given("seed is 18446744073709551615, must be an int", seed=2**64 - 1),
    "seed tensor beyond INT64": option(
        "seed", "UINT64", 2**64 - 1, "row 0: seed is 18446744073709551615, must be an integer"
    ),
    "a float for an integer": given("seed is 1.0, must be an integer from 0", seed=1.0),
    "a boolean for an integer": given("seed is true, must be an integer from 0", seed=True),
    "a boolean for a float": given("min_p is false, must be a number from 0 to 1", min_p=False),
    "an integer for a boolean": given("raw is 1, must be true or false", raw=1),
    "a string for a number": given("temperature is '0.6', must be 0 or a nu", temperature="0.6"),
    "a string for a boolean": given("ignore_eos is 'true', must be true or", ignore_eos="true"),
    "logprobs above": given("logprobs is 21, must be an integer from 0 to 20", logprobs=21),
    "stop a word": given("stop is 'END', must be a list of at most 16 strings", stop="END"),
    "stop no JSON": option("stop", "BYTES", "[", "row 0: stop is not JSON: "),
    "stop of numbers": given("stop[0] is 1, stop must be a list of at most 16", stop="[1]"),
    "stop ids negative": given("stop_token_ids[1] is -2, stop_token_ids", stop_token_ids="[1,-2]"),
    "stop ids beyond the vocabulary": given(
        "row 0: stop_token_ids holds 640, must hold ids in 0..639", stop_token_ids="[640]"
    ),
    "unknown parameter": given("unknown parameter 'n', known: max_tokens, min_tokens", n=2),
    "sequence": given("unknown parameter 'sequence_id', known: max_tokens", sequence_id=1),
    "priority": given("unknown parameter 'priority', known: max_tokens", priority=1),
    "65 parameters": given(
        "parameters has 65 entries, must have at most 64", **{f"p{n}": 1 for n in range(65)}
    ),
    "min above max": given(
        "min_tokens is 9, must be at most max_tokens, 5", min_tokens=9, max_tokens=5
    ),
    "min above max in a row": (
        Asked([TWO, ("min_tokens", "INT64", [2], [1, 9]), ("max_tokens", "INT8", [2], [5, 5])]),
        "row 1: min_tokens is 9, must be at most max_tokens, 5",
    ),
    "raw and thinking": given(
        "enable_thinking is true, must be left out when raw", raw=True, enable_thinking=True
    ),
    "raw and a budget": given(
        "max_thinking_tokens is 1, but the prompt does not end", raw=True, max_thinking_tokens=1
    ),
    "tensor and parameter": (
        Asked([T, ("seed", "INT64", [1], [1])], {"seed": 1}),
        "seed is both an input and a parameter, must be one of them",
    ),
    "beyond the context": given("row 0: max_tokens is 4096, must be at most", max_tokens=4096),
    "a prompt beyond the context": text(
        [1], "tokens long, must be at most 4095 in a context of 4096", ("1" * 5000,)
    ),
    "unknown output": (Asked([T], outputs=["text"]), "unknown output 'text', known: text_output"),
    "the same output twice": (
        Asked([T], outputs=["text_output", "text_output"]),
        "output text_output is requested twice",
    ),
    "logprobs unasked": (
        Asked([T], outputs=["logprobs"]),
        "output logprobs is requested without the parameter logprobs",
    ),
    "65 outputs": (Asked([T], outputs=["text_output"] * 65), "outputs has 65 entries, must have"),
    "parameter of an output": (
        Asked([T], outputs=["text_output"], of_outputs={"classification": 2}),
        "output text_output has unknown parameter 'classification', must be left out",
    ),
    "an id of 257 letters": (
        Asked([T], request_id="x" * 257),
        "id has 257 characters, must have at most 256",
    ),
    "another model": (Asked([T], model="r2"), "model 'r2' is not served here, only r1"),
    "another model in capitals": (Asked([T], model="R1"), "model 'R1' is not served here, only r1"),
    "another version": (Asked([T], version="2"), "version '2' of r1 is not served here, only 1"),
}
# What a datatype cannot hold has no bytes, but JSON and gRPC's wider fields can say it.
NOT_IN_BYTES = {
    "beyond INT8": option("seed", "INT8", 300, "row 0: seed is 300, must be INT8"),
    "below INT16": option("seed", "INT16", -40000, "row 0: seed is -40000, must be INT16"),
    "beyond UINT16": option("seed", "UINT16", 70000, "row 0: seed is 70000, must be UINT16"),
}
NOT_IN_JSON = {
    "no UTF-8": (
        Asked([("text_input", "BYTES", [1], [b"SECRET-PROMPT\xff"])]),
        "row 0: text_input is not UTF-8 text",
    ),
    "surrogate": (
        Asked([("text_input", "BYTES", [2], [b"a", b"\xed\xa0\x80"])]),
        "row 1: text_input is not UTF-8 text",
    ),
    "no UTF-8 in an option": option("stop", "BYTES", b"\xff", "row 0: stop is not UTF-8 text"),
    "NaN": option("top_p", "FP32", float("nan"), "row 0: top_p is nan, must be a number above 0"),
    "infinity": option("min_p", "FP64", float("inf"), "row 0: min_p is inf, must be a number"),
    "minus infinity": option("temperature", "FP32", -float("inf"), "row 0: temperature is -inf"),
}
GREEDY = {"temperature": 0, "enable_thinking": False}
SUM = ("text_input", "BYTES", [1], ["3*4="])
ACCEPTED = {
    "a prompt": Asked([SUM], GREEDY),
    "a column": Asked([("text_input", "BYTES", [1, 1], ["3*4="])], GREEDY),
    "two rows": Asked([("text_input", "BYTES", [2], ["3*4=", "1+1="])], GREEDY),
    "a chat": Asked([("messages", "BYTES", [1], ['[{"role":"user","content":"3*4="}]'])], GREEDY),
    "a seed": Asked([SUM], {"seed": 7, "temperature": 2.0, "max_tokens": 9}),
    "the largest seed": Asked([SUM], {"seed": 2**63 - 1, "max_tokens": 3}),
    "the version": Asked([SUM], GREEDY, version="1"),
    "a stop string": Asked([SUM], {**GREEDY, "stop": '["2"]'}),
    "tensors": Asked(
        [
            ("text_input", "BYTES", [2], ["3*4=", "3*4="]),
            ("temperature", "FP32", [2], [0.0, 0.01]),
            ("enable_thinking", "BOOL", [2], [False, False]),
            ("max_tokens", "UINT8", [2, 1], [1, 255]),
        ]
    ),
    "letters beyond ASCII": Asked(
        [("text_input", "BYTES", [1], ["zwölf 😀 \0"])], {**GREEDY, "max_tokens": 4}
    ),
    "an id of 256 letters": Asked([SUM], GREEDY, request_id="x" * 256),
    "an output": Asked([SUM], GREEDY, outputs=["completion_tokens", "text_output"]),
}
