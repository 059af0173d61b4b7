"""What a prompt becomes as a protobuf message, and what any bytes that come back mean."""

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.config import RunConfig
from loadtest.errors import AnswerError, UsageError
from loadtest.prompts.prompt import Message, Option, Prompt
from loadtest.record import NEVER, FinishReason
from loadtest.wire.grpc import make_grpc_wire
from loadtest.wire.inference import ModelInferResponse, ModelStreamInferResponse
from loadtest.wire.part import Part, Usage, Wire
from predictor.protocol import messages

USER = Message("user", "What is 12 + 30?")


def wire(protocol: str = "grpc-infer") -> Wire:
    return make_grpc_wire(RunConfig(target="grpc://127.0.0.1:1", protocol=protocol, model="m"))


UNARY, STREAM = wire(), wire("grpc-stream")


def encoded(prompt: Prompt, how: Wire = UNARY) -> Any:
    """Return the request as the predictor's own message classes read it."""
    return messages.ModelInferRequest.FromString(how.encode(prompt, "id-1"))


def response(raw: bool = False, **outputs: str | int | list[bytes]) -> Any:
    """Return a ModelInferResponse with a BYTES or INT32 output each."""
    message = ModelInferResponse()
    for name, value in outputs.items():
        tensor = message.outputs.add(name=name, datatype="INT32")
        if isinstance(value, int):
            packed = struct.pack("<i", value)
            tensor.contents.int_contents.extend([] if raw else [value])
        else:
            tensor.datatype = "BYTES"
            elements = [value.encode()] if isinstance(value, str) else value
            packed = b"".join(struct.pack("<I", len(element)) + element for element in elements)
            tensor.contents.bytes_contents.extend([] if raw else elements)
        message.raw_output_contents.extend([packed] if raw else [])
    return message


def streamed(message: Any, **parameters: bool) -> bytes:
    for name, value in parameters.items():
        message.parameters[name].bool_param = value
    return bytes(ModelStreamInferResponse(infer_response=message).SerializeToString())


def test_the_paths_are_the_protocols() -> None:
    assert UNARY.path == "/inference.GRPCInferenceService/ModelInfer"
    assert STREAM.path == "/inference.GRPCInferenceService/ModelStreamInfer"
    assert (UNARY.is_stream, STREAM.is_stream) == (False, True)


def test_a_single_message_of_the_users_is_text_input() -> None:
    request = encoded(Prompt((USER,)))
    (tensor,) = request.inputs
    assert (request.model_name, request.id) == ("m", "id-1")
    assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("text_input", "BYTES", [1])
    assert list(tensor.contents.bytes_contents) == [USER.content.encode()]
    assert not request.parameters


@pytest.mark.parametrize(
    "chat",
    [(Message("system", "Be brief."), USER), (Message("assistant", "Well?"),)],
    ids=["several", "not-the-users"],
)
def test_any_other_chat_is_messages(chat: tuple[Message, ...]) -> None:
    (tensor,) = encoded(Prompt(chat)).inputs
    assert tensor.name == "messages"
    assert json.loads(tensor.contents.bytes_contents[0]) == [
        {"role": message.role, "content": message.content} for message in chat
    ]


@pytest.mark.parametrize(
    ("value", "field", "said"),
    [
        (True, "bool_param", True),
        (7, "int64_param", 7),
        (0.5, "double_param", 0.5),
        ("x", "string_param", "x"),
        (["a", "b"], "string_param", '["a","b"]'),
        ([1, 2], "string_param", "[1,2]"),
    ],
    ids=["bool", "int", "float", "text", "texts", "ints"],
)
def test_an_option_has_the_parameter_of_its_type(value: Option, field: str, said: Any) -> None:
    parameter = encoded(Prompt((USER,), {"option": value})).parameters["option"]
    assert parameter.WhichOneof("parameter_choice") == field
    assert getattr(parameter, field) == said


def test_an_integer_of_more_than_64_bits_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="option seed is 9223372036854775808, must be"):
        UNARY.encode(Prompt((USER,), {"seed": 2**63}), "id")


def test_a_stream_asks_to_be_told_which_response_is_the_last() -> None:
    parameters = encoded(Prompt((USER,), {"max_tokens": 3}), STREAM).parameters
    assert parameters["triton_enable_empty_final_response"].bool_param
    assert parameters["max_tokens"].int64_param == 3


@pytest.mark.parametrize("raw", [False, True], ids=["contents", "raw"])
def test_every_output_of_a_unary_answer_is_read(raw: bool) -> None:
    message = response(
        raw,
        text_output="42",
        reasoning_output="12+30",
        finish_reason="length",
        prompt_tokens=11,
        completion_tokens=41,
        reasoning_tokens=36,
        logprobs="[]",
    )
    assert UNARY.decode(message.SerializeToString()) == Part(
        "42", "12+30", FinishReason.LENGTH, Usage(11, 41, 36), is_last=True
    )


def test_an_answer_of_text_alone_has_no_usage_and_no_reason() -> None:
    part = UNARY.decode(response(text_output="42").SerializeToString())
    assert part == Part("42", is_last=True)


def test_counts_that_are_not_said_are_never() -> None:
    part = UNARY.decode(response(text_output="4", completion_tokens=2).SerializeToString())
    assert part.usage == Usage(NEVER, 2, NEVER)


@pytest.mark.parametrize(
    ("datatype", "field", "packed"),
    [
        ("INT8", "int_contents", "<b"),
        ("INT64", "int64_contents", "<q"),
        ("UINT32", "uint_contents", "<I"),
        ("UINT64", "uint64_contents", "<Q"),
    ],
)
def test_counts_may_be_of_any_integer(datatype: str, field: str, packed: str) -> None:
    plain, raw = response(text_output="4"), response(True, text_output="4")
    tensor = plain.outputs.add(name="prompt_tokens", datatype=datatype)
    getattr(tensor.contents, field).append(9)
    raw.outputs.add(name="prompt_tokens", datatype=datatype)
    raw.raw_output_contents.append(struct.pack(packed, 9))
    for message in (plain, raw):
        assert UNARY.decode(message.SerializeToString()).usage == Usage(9)


@pytest.mark.parametrize(
    ("payload", "is_last"),
    [
        (streamed(response(text_output="a"), triton_final_response=False), False),
        (streamed(response(text_output="a"), triton_final_response=True), True),
        (streamed(response(), triton_final_response=True), True),
        (streamed(response(text_output="", finish_reason="stop")), True),
        (
            streamed(response(text_output="", finish_reason="stop"), triton_final_response=False),
            False,
        ),
        (streamed(response(text_output="a", finish_reason="")), False),
        (streamed(response(text_output="a")), False),
    ],
    ids=["going-on", "final", "empty-final", "reason", "reason-before", "no-reason", "text-alone"],
)
def test_a_streams_last_response_is_known(payload: bytes, is_last: bool) -> None:
    assert STREAM.decode(payload).is_last is is_last


def test_an_error_within_a_stream_is_the_servers_word() -> None:
    payload = ModelStreamInferResponse(error_message="e" * 300).SerializeToString()
    assert STREAM.decode(payload) == Part(error="e" * 200)


def test_a_part_of_a_character_is_no_error() -> None:
    part = STREAM.decode(streamed(response(text_output=["\N{EURO SIGN}".encode()[:2]])))
    assert part.text == "\N{REPLACEMENT CHARACTER}"


def _with(message: Any, **changes: Any) -> bytes:
    for name, value in changes.items():
        setattr(message.outputs[-1], name, value)
    return bytes(message.SerializeToString())


def _raw(*contents: bytes, name: str = "text_output", datatype: str = "BYTES") -> bytes:
    message = ModelInferResponse(raw_output_contents=contents)
    message.outputs.add(name=name, datatype=datatype)
    return bytes(message.SerializeToString())


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"\xff", "a message is no ModelInferResponse"),
        (b"", "no output named text_output"),
        (_with(response(text_output="a"), datatype="FP32"), "text_output is not of datatype BYTES"),
        (response(text_output=[b"a", b"b"]).SerializeToString(), "has 2 elements, must have 1"),
        (response(text_output=[]).SerializeToString(), "has 0 elements, must have 1"),
        (_raw(b"\x01\0\0"), "does not hold exactly one string"),
        (_raw(b"\x02\0\0\0a"), "does not hold exactly one string"),
        (_raw(b"\x01\0\0\0a", b""), "has 2 entries for 1 outputs"),
        (_raw(b"\0\0", name="prompt_tokens", datatype="INT32"), "exactly one integer"),
        (_with(response(prompt_tokens=1), datatype="FP32"), "not of an integer datatype"),
        (response(prompt_tokens=-2).SerializeToString(), "prompt_tokens is not a number of tokens"),
    ],
    ids=[
        "no-protobuf",
        "empty",
        "datatype",
        "two-texts",
        "no-text",
        "raw-head",
        "raw-length",
        "raw-entries",
        "raw-count",
        "count-datatype",
        "negative",
    ],
)
def test_an_answer_that_is_not_of_the_protocol_is_refused(payload: bytes, message: str) -> None:
    with pytest.raises(AnswerError, match=message):
        UNARY.decode(payload)


def test_no_body_holds_an_error() -> None:
    assert UNARY.decode_error(b"oops") == ""


WHOLE = response(text_output="42", finish_reason="stop", prompt_tokens=3).SerializeToString()


@pytest.mark.parametrize("how", [UNARY, STREAM], ids=["unary", "stream"])
@given(
    payload=st.one_of(
        st.binary(max_size=200),
        st.tuples(st.integers(0, len(WHOLE)), st.binary(max_size=8)).map(
            lambda edit: WHOLE[: edit[0]] + edit[1] + WHOLE[edit[0] + len(edit[1]) :]
        ),
    )
)
def test_any_bytes_are_a_part_or_an_answer_error(how: Wire, payload: bytes) -> None:
    try:
        part = how.decode(payload)
    except AnswerError:
        return
    assert isinstance(part, Part)


def test_the_compiled_messages_are_of_the_proto_file(tmp_path: Path) -> None:
    source = Path("loadtest/wire").resolve()
    compiled = tmp_path / "inference.binpb"
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}"]
    subprocess.run([*protoc, f"--descriptor_set_out={compiled}", "inference.proto"], check=True)
    assert compiled.read_bytes() == (source / "inference.binpb").read_bytes()
