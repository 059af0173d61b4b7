"""Options over gRPC: as parameters of every type, as tensors, and those of others' protocols."""

from typing import Any

from tests.predictor.server.corpus.grpc import asking, bad, only, tensor
from tests.predictor.server.corpus.options import (
    BAD_OPTIONS,
    BOOLS,
    INTEGERS,
    LISTS,
    NOT_FINITE,
    BadOption,
)

CHAT = '[{"role":"user","content":"a"}]'


def parameters(**values: Any) -> bytes:
    return asking(parameters=values)


def as_tensor(case: BadOption) -> bytes:
    assert case.tensor is not None
    datatype, element = case.tensor
    return asking(tensor(case.name, [element], datatype))


def as_parameter(case: BadOption) -> bytes:
    return parameters(**{case.name: case.value})


LARGEST = {
    f"{name}: 2^64 - 1": (
        parameters(**{name: 2**64 - 1}),
        f"{name} is 18446744073709551615, must be {row[0]}",
    )
    for name, row in INTEGERS.items()
}
NOT_FINITE_FP32 = {
    f"{name} of FP32": (asking(tensor(case.name, [case.value], "FP32")), f"row 0: {case.words}")
    for name, case in NOT_FINITE.items()
}
PARAMETERS = bad(
    {
        **{name: (as_parameter(case), case.words) for name, case in BAD_OPTIONS.items()},
        **{name: (as_parameter(case), case.words) for name, case in NOT_FINITE.items()},
        **LARGEST,
        **{
            f"{name}: NaN": (
                parameters(**{name: float("nan")}),
                f"{name} is nan, must be {allowed}",
            )
            for name, allowed in (BOOLS | LISTS).items()
        },
    }
)
TENSORS = bad(
    {
        **{
            name: (as_tensor(case), f"row 0: {case.words}")
            for name, case in (BAD_OPTIONS | NOT_FINITE).items()
            if case.tensor is not None
        },
        **NOT_FINITE_FP32,
    }
)


def unknown(name: str, value: Any) -> tuple[bytes, str]:
    return parameters(**{name: value}), f"unknown parameter '{name}', known: max_tokens"


OTHERS = bad(
    {
        "a typing error": unknown("temprature", 0.5),
        "sequence_id": unknown("sequence_id", 1),
        "sequence_id as text": unknown("sequence_id", "a"),
        "sequence_id of 0": unknown("sequence_id", 0),
        "sequence_start": unknown("sequence_start", True),
        "sequence_end": unknown("sequence_end", True),
        "priority": unknown("priority", 1),
        "priority of UINT64": unknown("priority", 2**63),
        "timeout": unknown("timeout", 1),
        "the last response": unknown("triton_final_response", True),
        "binary_data_output": unknown("binary_data_output", True),
        "details": unknown("details", True),
        "nameless": unknown("", 1),
        "65 of them": (
            parameters(**{f"p{number}": 1 for number in range(65)}),
            "parameters has 65 entries, must have at most 64",
        ),
        "min_tokens above max_tokens": (
            parameters(min_tokens=9, max_tokens=5),
            "min_tokens is 9, must be at most max_tokens, 5",
        ),
        "raw and enable_thinking": (
            parameters(raw=True, enable_thinking=True),
            "enable_thinking is true, must be left out when raw is true",
        ),
        "no thinking and a budget": (
            parameters(enable_thinking=False, max_thinking_tokens=1),
            "max_thinking_tokens is 1, but the prompt does not end inside <think>",
        ),
        "raw messages": (
            only(tensor("messages", [CHAT]), parameters={"raw": True}),
            "row 0: raw is true, must be false with messages",
        ),
        "tensor and parameter": (
            asking(tensor("seed", [1], "INT64"), parameters={"seed": 1}),
            "seed is both an input and a parameter, must be one of them",
        ),
        "beyond the context": (
            only(tensor("text_input", ["SECRET-PROMPT " * 4000])),
            "tokens long, must be at most 4095 in a context of 4096",
        ),
    }
)
GROUPS = {"options: parameters": PARAMETERS, "options: tensors": TENSORS, "parameters": OTHERS}
