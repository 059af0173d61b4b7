"""Options of an infer request: as parameters, as tensors, and one against another."""

from typing import Any

from tests.predictor.server.corpus.options import (
    BAD_OPTIONS,
    BOOLS,
    FLOATS,
    INTEGERS,
    LISTS,
    BadOption,
)
from tests.predictor.server.corpus.rest import Case, asking, bad, infer, only, tensor

ALLOWED = {name: row[0] for name, row in (INTEGERS | FLOATS).items()} | BOOLS | LISTS


def parameters(**values: Any) -> bytes:
    return asking(parameters=values)


def of_json(what: str, value: Any, spelled: str) -> dict[str, tuple[bytes, str]]:
    """Return a case for each option of a value that gRPC's parameters cannot say."""
    return {
        f"{name}: {what}": (
            parameters(**{name: value}),
            f"{name} is {spelled}, must be {allowed}",
        )
        for name, allowed in ALLOWED.items()
        if not (isinstance(value, list) and name in LISTS)
    }


def as_tensor(case: BadOption) -> bytes:
    assert case.tensor is not None
    datatype, element = case.tensor
    return asking(tensor(case.name, [element], datatype))


PARAMETERS = bad(
    {
        **{
            name: (parameters(**{case.name: case.value}), case.words)
            for name, case in BAD_OPTIONS.items()
        },
        **of_json("null", None, "null"),
        **of_json("an object", {"a": 1}, "{'a': 1}"),
        **of_json("a list", [1], "[1]"),
        "stop: a list of numbers": (parameters(stop=[1]), "stop[0] is 1, stop must be a list of"),
        "stop: a list of null": (parameters(stop=[None]), "stop[0] is null, stop must be a list"),
        "stop: 17 in a list": (parameters(stop=["a"] * 17), "stop is ['a', 'a', 'a', 'a', 'a'"),
        "stop_token_ids: a list of lists": (
            parameters(stop_token_ids=[[1]]),
            "stop_token_ids[0] is [1], stop_token_ids must be a list of at most 64 token ids",
        ),
        "stop_token_ids: the first beyond the vocabulary": (
            parameters(stop_token_ids=[1, 640]),
            "stop_token_ids holds 640, must hold ids in 0..639",
        ),
    }
)
TENSORS = bad(
    {
        name: (as_tensor(case), f"row 0: {case.words}")
        for name, case in BAD_OPTIONS.items()
        if case.tensor is not None
    }
)
CROSSED = bad(
    {
        "unknown": (parameters(temprature=1), "unknown parameter 'temprature', known: max_tokens"),
        "OpenAI's n": (parameters(n=2), "unknown parameter 'n', known: max_tokens"),
        "Triton's sequence": (parameters(sequence_id=1), "unknown parameter 'sequence_id', known"),
        "Triton's priority": (parameters(priority=1), "unknown parameter 'priority', known"),
        "Triton's timeout": (parameters(timeout=1), "unknown parameter 'timeout', known"),
        "a stream's": (
            parameters(triton_enable_empty_final_response=True),
            "unknown parameter 'triton_enable_empty_final_response', known",
        ),
        "details": (parameters(details=True), "unknown parameter 'details', known: max_tokens"),
        "nameless": (parameters(**{"": 1}), "unknown parameter '', known: max_tokens"),
        "the prompt's name": (parameters(text_input="a"), "unknown parameter 'text_input', known"),
        "65 of them": (
            parameters(**{f"p{number}": 1 for number in range(65)}),
            "parameters has 65 entries, must have at most 64",
        ),
        "parameters null": (
            asking(parameters=None),
            "the body: parameters is null, leave it out instead",
        ),
        "parameters a string": (asking(parameters="a"), "parameters is a string, must be an obje"),
        "parameters a list": (asking(parameters=[]), "parameters is a list, must be an object"),
        "parameters a number": (asking(parameters=1), "parameters is a number, must be an object"),
        "tensor and parameter": (
            asking(tensor("seed", [1], "INT64"), parameters={"seed": 1}),
            "seed is both an input and a parameter, must be one of them",
        ),
        "min_tokens above max_tokens": (
            parameters(min_tokens=9, max_tokens=5),
            "min_tokens is 9, must be at most max_tokens, 5",
        ),
        "min_tokens above what is left of the context": (
            parameters(min_tokens=4096),
            "min_tokens is 4096, must be at most max_tokens, 2048",
        ),
        "min_tokens of one row": (
            only(
                tensor("text_input", ["a", "b"]),
                tensor("min_tokens", [1, 9], "INT64"),
                parameters={"max_tokens": 5},
            ),
            "row 1: min_tokens is 9, must be at most max_tokens, 5",
        ),
        "raw and enable_thinking": (
            parameters(raw=True, enable_thinking=True),
            "enable_thinking is true, must be left out when raw is true",
        ),
        "raw and a budget": (
            parameters(raw=True, max_thinking_tokens=1),
            "max_thinking_tokens is 1, but the prompt does not end inside <think>",
        ),
        "no thinking and a budget": (
            parameters(enable_thinking=False, max_thinking_tokens=1),
            "max_thinking_tokens is 1, but the prompt does not end inside <think>",
        ),
        "raw and messages": (
            only(tensor("messages", ['[{"role":"user","content":"a"}]']), parameters={"raw": True}),
            "row 0: raw is true, must be false with messages",
        ),
        "raw and messages in tensors": (
            only(
                tensor("messages", ['[{"role":"user","content":"a"}]']),
                tensor("raw", [True], "BOOL"),
            ),
            "row 0: raw is true, must be false with messages",
        ),
        "a prompt beyond the context": (
            infer({"inputs": [tensor("text_input", ["SECRET-PROMPT " * 4000])]}),
            "tokens long, must be at most 4095 in a context of 4096",
        ),
        "a second prompt beyond the context": (
            infer({"inputs": [tensor("text_input", ["a", "1" * 5000])]}),
            "row 1: the prompt is 50",
        ),
        "a raw prompt one token too long": (
            only(tensor("text_input", ["1" * 4096]), parameters={"raw": True}),
            "row 0: the prompt is 4096 tokens long, must be at most 4095 in a context of 4096",
        ),
        "max_tokens one above what is left of the context": (
            only(tensor("text_input", ["1" * 96]), parameters={"raw": True, "max_tokens": 4001}),
            "row 0: max_tokens is 4001, must be at most 4000: the prompt takes 96 of 4096 tokens",
        ),
    }
)
GROUPS: dict[str, dict[str, Case]] = {
    "options: parameters": PARAMETERS,
    "options: tensors": TENSORS,
    "options: together": CROSSED,
}
