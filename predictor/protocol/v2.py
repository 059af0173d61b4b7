"""InferRequest -> GenerationRequests, Completions or a Delta -> InferResponse.

kserve's carriers hold a tensor's elements as a flat list; text is str or bytes in requests and
str in responses.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, get_args, get_origin

import orjson
from kserve.protocol.infer_type import InferInput, InferOutput, InferRequest, InferResponse

from predictor.engine.sequence import FinishReason
from predictor.errors import InvalidRequest
from predictor.generation import Completion, Delta, GenerationOptions, GenerationRequest, TokenInfo
from predictor.protocol.json_text import parse_json
from predictor.protocol.parameters import OPTION_NAMES, parse_options
from predictor.protocol.prompts import chat_request, text_request
from predictor.protocol.tensors import FLOATS, INTEGERS, fits, read_text
from predictor.protocol.wording import kind, listing, quote


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A tensor of shape [n] by the name and datatype that the model's metadata gives it."""

    name: str
    datatype: str

    def describe(self) -> dict[str, object]:
        return {"name": self.name, "datatype": self.datatype, "shape": [-1]}

    @property
    def accepted(self) -> tuple[str, ...]:
        """The datatypes that an input may have: any of the same family."""
        if self.datatype in INTEGERS:
            return tuple(INTEGERS)
        return FLOATS if self.datatype in FLOATS else (self.datatype,)


def _option_datatype(name: str) -> str:
    option_type = get_args(GenerationOptions.model_fields[name].annotation)[0]
    if get_origin(option_type) is tuple:
        return "BYTES"
    return {int: "INT64", float: "FP32", bool: "BOOL"}[option_type]


PROMPT_TENSORS: Final = (TensorSpec("text_input", "BYTES"), TensorSpec("messages", "BYTES"))
OPTION_TENSORS: Final = tuple(TensorSpec(name, _option_datatype(name)) for name in OPTION_NAMES)
INPUT_TENSORS: Final = (*PROMPT_TENSORS, *OPTION_TENSORS)
OUTPUT_TENSORS: Final = (
    TensorSpec("text_output", "BYTES"),
    TensorSpec("reasoning_output", "BYTES"),
    TensorSpec("finish_reason", "BYTES"),
    TensorSpec("prompt_tokens", "INT32"),
    TensorSpec("reasoning_tokens", "INT32"),
    TensorSpec("completion_tokens", "INT32"),
    TensorSpec("logprobs", "BYTES"),
)
_INPUTS: Final = {spec.name: spec for spec in INPUT_TENSORS}
_OUTPUTS: Final = {spec.name: spec for spec in OUTPUT_TENSORS}
_PROMPTS: Final = frozenset(spec.name for spec in PROMPT_TENSORS)


def decode_infer(request: InferRequest) -> list[GenerationRequest]:
    """Return one request a row; raises InvalidRequest, naming the row where one row is at fault.

    The wire has checked that every tensor's shape is [n] or [n,1] and that n elements are there.
    """
    inputs = _by_name(request.inputs)
    prompt = _find_prompt(inputs)
    num_rows = _check_inputs(inputs, prompt)
    requested_outputs(request)
    parameters = dict(request.parameters or {})
    shared = parse_options(parameters)
    # Lists that came as text, which may be as long as a body, are read once and not once a row.
    shared_values = shared.model_dump(exclude_unset=True)
    for name in inputs:
        if name in parameters:
            raise InvalidRequest(f"{name} is both an input and a parameter, must be one of them")
    columns = [tensor for name, tensor in inputs.items() if name not in _PROMPTS]
    rows = []
    for index in range(num_rows):
        try:
            given = {tensor.name: _read_option(tensor, index) for tensor in columns}
            options = parse_options({**shared_values, **given}) if given else shared
            rows.append(_read_prompt(prompt, index, options))
        except InvalidRequest as error:
            raise InvalidRequest(f"row {index}: {error}") from None
    return rows


def requested_outputs(request: InferRequest) -> tuple[str, ...]:
    """Return the names of the outputs to send, in the order asked for; none asked for is all.

    Raises InvalidRequest for an unknown or repeated name, and for logprobs that no option asks for.
    """
    # An option is a parameter or a tensor with a value for each row: all rows ask, or none.
    has_logprobs = "logprobs" in (request.parameters or {}) or any(
        tensor.name == "logprobs" for tensor in request.inputs
    )
    if not request.request_outputs:
        return tuple(name for name in _OUTPUTS if name != "logprobs" or has_logprobs)
    names: list[str] = []
    for output in request.request_outputs:
        if output.name not in _OUTPUTS:
            raise InvalidRequest(f"unknown output {quote(output.name)}, known: {listing(_OUTPUTS)}")
        if output.name in names:
            raise InvalidRequest(f"output {output.name} is requested twice")
        if output.name == "logprobs" and not has_logprobs:
            raise InvalidRequest("output logprobs is requested without the parameter logprobs")
        _refuse_parameters(f"output {output.name}", output.parameters)
        names.append(output.name)
    return tuple(names)


def encode_infer(
    completions: Sequence[Completion], request: InferRequest, model_name: str, model_version: str
) -> InferResponse:
    """Return the response to a request that ``decode_infer`` took, one row a completion."""
    return InferResponse(
        response_id=request.id,
        model_name=model_name,
        model_version=model_version,
        infer_outputs=_encode_outputs(requested_outputs(request), completions),
    )


def encode_stream_delta(
    delta: Delta, request: InferRequest, model_name: str, model_version: str
) -> InferResponse:
    """Return one response of a stream: a row of text deltas, the rest with the last delta.

    ``triton_final_response`` is the parameter by which Triton's clients know the last one.
    """
    is_final = delta.finish_reason is not None
    names = [name for name in requested_outputs(request) if is_final or name in _IN_EVERY_DELTA]
    return InferResponse(
        response_id=request.id,
        model_name=model_name,
        model_version=model_version,
        infer_outputs=_encode_outputs(names, [delta]),
        parameters={"triton_final_response": is_final},
    )


def token_logprob(token: TokenInfo) -> dict[str, object]:
    """Return a token's log-probability and its alternatives, most probable first, for JSON."""
    assert token.logprob is not None
    assert math.isfinite(token.logprob)
    top = [{"token": other.text, "id": other.id, "logprob": other.logprob} for other in token.top]
    return {"token": token.text, "id": token.id, "logprob": token.logprob, "top": top}


def _by_name(inputs: Iterable[InferInput]) -> dict[str, InferInput]:
    by_name: dict[str, InferInput] = {}
    for tensor in inputs:
        if tensor.name not in _INPUTS:
            raise InvalidRequest(f"unknown input {quote(tensor.name)}, known: {listing(_INPUTS)}")
        if tensor.name in by_name:
            raise InvalidRequest(f"input {tensor.name} is given twice")
        by_name[tensor.name] = tensor
    return by_name


def _find_prompt(inputs: Mapping[str, InferInput]) -> InferInput:
    found = [tensor for name, tensor in inputs.items() if name in _PROMPTS]
    if len(found) != 1:
        given = "both" if found else "neither"
        raise InvalidRequest(f"inputs hold {given} of text_input and messages, must hold one")
    return found[0]


def _check_inputs(inputs: Mapping[str, InferInput], prompt: InferInput) -> int:
    """Return the number of rows that all inputs have."""
    num_rows = len(prompt.data)
    for name, tensor in inputs.items():
        accepted = _INPUTS[name].accepted
        if tensor.datatype not in accepted:
            raise InvalidRequest(
                f"input {name} has datatype {quote(tensor.datatype)}, must be {_either(accepted)}"
            )
        if len(tensor.data) != num_rows:
            raise InvalidRequest(
                f"input {name} has {len(tensor.data)} rows, must have {num_rows} as "
                f"{prompt.name} has"
            )
        _refuse_parameters(f"input {name}", tensor.parameters)
    return num_rows


def _refuse_parameters(what: str, parameters: Mapping[str, object] | None) -> None:
    for name in parameters or {}:
        raise InvalidRequest(f"{what} has unknown parameter {quote(name)}, must be left out")


def _read_option(tensor: InferInput, index: int) -> object:
    element = tensor.data[index]
    if not fits(tensor.datatype, element):
        raise InvalidRequest(f"{tensor.name} is {quote(element)}, must be {tensor.datatype}")
    return read_text(tensor.name, element) if tensor.datatype == "BYTES" else element


def _read_prompt(tensor: InferInput, index: int, options: GenerationOptions) -> GenerationRequest:
    element = tensor.data[index]
    if not fits(tensor.datatype, element):
        raise InvalidRequest(f"{tensor.name} is {kind(element)}, must be a string")
    text = read_text(tensor.name, element)
    if tensor.name == "text_input":
        return text_request(text, options)
    return chat_request(parse_json(text, tensor.name), options)


def _encode_outputs(
    names: Iterable[str], rows: Sequence[Completion] | Sequence[Delta]
) -> list[InferOutput]:
    return [
        InferOutput(
            name, [len(rows)], _OUTPUTS[name].datatype, [_VALUES[name](row) for row in rows]
        )
        for name in names
    ]


def _finish_reason(row: Completion | Delta) -> str:
    assert row.finish_reason not in (None, FinishReason.NUMERIC_ERROR)
    return "length" if row.finish_reason == FinishReason.LENGTH else "stop"


def _count(name: str) -> Callable[[Completion | Delta], object]:
    def read(row: Completion | Delta) -> object:
        assert row.usage is not None
        return getattr(row.usage, name)

    return read


def _logprobs(row: Completion | Delta) -> str:
    return orjson.dumps([token_logprob(token) for token in row.tokens]).decode()


_VALUES: Final[dict[str, Callable[[Completion | Delta], object]]] = {
    "text_output": lambda row: row.answer,
    "reasoning_output": lambda row: row.reasoning,
    "finish_reason": _finish_reason,
    "prompt_tokens": _count("prompt_tokens"),
    "reasoning_tokens": _count("reasoning_tokens"),
    "completion_tokens": _count("completion_tokens"),
    "logprobs": _logprobs,
}
_IN_EVERY_DELTA: Final = frozenset({"text_output", "reasoning_output", "logprobs"})


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"one of {listing(names)}"
