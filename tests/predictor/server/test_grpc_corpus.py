"""Every bad gRPC request of the corpus against the running server, and REST's verdict beside it."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest

from predictor.errors import PredictorError
from predictor.protocol.messages import ModelInferResponse, ModelStreamInferResponse
from predictor.protocol.raw import unpack
from tests.predictor.server.corpus import (
    grpc_cases_calls,
    grpc_cases_inputs,
    grpc_cases_messages,
    grpc_cases_options,
    verdict_cases,
)
from tests.predictor.server.corpus.checks import Watch, check_message
from tests.predictor.server.corpus.connection import Connection
from tests.predictor.server.corpus.grpc import Case, only, tensor
from tests.predictor.server.corpus.grpc_cases_calls import HEALTH, INFERENCE, Call
from tests.predictor.server.corpus.verdicts import Asked

BAD = {
    **grpc_cases_messages.GROUPS,
    **grpc_cases_inputs.GROUPS,
    **grpc_cases_options.GROUPS,
}
TIMEOUT_S = 30
GREEDY = {"temperature": 0, "enable_thinking": False}
GOOD = only(tensor("text_input", ["3*4="]), parameters=GREEDY, id="good")
NEIGHBOUR = only(tensor("text_input", ["3*4="]), parameters={"max_tokens": 1}, id="good")
# true, and SERVING.
IS_LIVE = b"\x08\x01"
STATUSES = {int(error.http_status): error.grpc_status for error in PredictorError.__subclasses__()}


@pytest.fixture(scope="module", autouse=True)
def watch(predictor: Any) -> Watch:
    return Watch.begin(predictor)


@pytest.fixture(scope="module")
def channel(predictor: Any) -> Iterator[grpc.Channel]:
    """One connection for the whole corpus: that it is never lost is part of the tests."""
    states: list[grpc.ChannelConnectivity] = []
    with grpc.insecure_channel(predictor.grpc_address) as channel:
        channel.subscribe(states.append, try_to_connect=True)
        grpc.channel_ready_future(channel).result(TIMEOUT_S)
        yield channel
        assert states[-1] is grpc.ChannelConnectivity.READY
        assert states.count(grpc.ChannelConnectivity.READY) == 1


def each(groups: dict[str, dict[str, Case]]) -> Any:
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(case, id=f"{group}: {name}")
            for group, cases in groups.items()
            for name, case in cases.items()
        ],
    )


def call(channel: grpc.Channel, method: str, request: bytes, **keywords: Any) -> tuple[str, Any]:
    """Return the status, and the answer or the error's message."""
    try:
        return "OK", channel.unary_unary(method)(request, timeout=TIMEOUT_S, **keywords)
    except grpc.RpcError as error:
        return error.code().name, error.details()


def stream(channel: grpc.Channel, *requests: bytes) -> list[Any]:
    responses = channel.stream_stream(f"{INFERENCE}ModelStreamInfer")(
        iter(requests), timeout=TIMEOUT_S
    )
    return [ModelStreamInferResponse.FromString(data) for data in responses]


@each({**BAD, "unary": grpc_cases_calls.UNARY_ALONE})
def test_a_bad_request_has_the_right_status_and_words(channel: grpc.Channel, case: Case) -> None:
    status, message = call(channel, f"{INFERENCE}ModelInfer", case.request)

    assert status == case.status
    check_message(message, case.words)
    assert call(channel, f"{INFERENCE}ServerLive", b"") == ("OK", IS_LIVE)


@each({**BAD, "stream": grpc_cases_calls.STREAM_ALONE})
def test_a_bad_request_in_a_stream_is_answered_by_its_id_and_the_stream_goes_on(
    channel: grpc.Channel, case: Case
) -> None:
    responses = stream(channel, case.request, NEIGHBOUR)

    (refused,) = [response for response in responses if response.error_message]
    check_message(refused.error_message, case.words)
    assert refused.infer_response.id == case.request_id
    assert not refused.infer_response.outputs
    assert refused.infer_response.parameters["triton_final_response"].bool_param
    served = [response.infer_response for response in responses if not response.error_message]
    assert {response.id for response in served} == {"good"}
    assert served[-1].parameters["triton_final_response"].bool_param


@pytest.mark.parametrize("cases", BAD.values(), ids=BAD)
def test_a_generation_among_a_whole_group_of_bad_requests_is_right(
    channel: grpc.Channel, cases: dict[str, Case]
) -> None:
    requests = [case.request for case in cases.values()]

    responses = stream(channel, *requests, GOOD, *requests)

    texts = [
        response.infer_response.outputs[0].contents.bytes_contents[0]
        for response in responses
        if not response.error_message and response.infer_response.id == "good"
    ]
    assert b"".join(texts) == b"12"
    errors = [response for response in responses if response.error_message]
    assert len(errors) == 2 * len(requests)


@pytest.mark.parametrize("asked", grpc_cases_calls.CALLS.values(), ids=grpc_cases_calls.CALLS)
def test_a_bad_call_has_its_status_and_spares_the_connection(
    channel: grpc.Channel, asked: Call
) -> None:
    status, message = call(channel, asked.method, asked.request, **asked.keywords)

    assert status == asked.status
    check_message(message, asked.words)
    assert call(channel, f"{HEALTH}Check", b"") == ("OK", IS_LIVE)


def test_a_call_with_a_thousand_headers_is_refused_and_spares_the_connection(
    channel: grpc.Channel,
) -> None:
    metadata = tuple((f"header-{number}", "a") for number in range(1000))

    status, _ = call(channel, f"{INFERENCE}ModelInfer", GOOD, metadata=metadata)

    # grpc has no words for it.
    assert status == "RESOURCE_EXHAUSTED"
    assert call(channel, f"{HEALTH}Check", b"") == ("OK", IS_LIVE)


Verdict = tuple[str, Any]
Send = Callable[[bytes], Verdict]


@pytest.fixture
def rest(predictor: Any) -> Iterator[Send]:
    """Send a request over REST; its verdict is gRPC's status and the answer or the message."""
    with Connection(predictor.url) as connection:

        def send(request: bytes) -> Verdict:
            connection.send(request)
            response = connection.read()
            answer = response.json
            if response.status != 200:
                return STATUSES[response.status], answer["error"]
            outputs = {output["name"]: output["data"] for output in answer["outputs"]}
            return "OK", (answer["model_name"], answer["model_version"], answer["id"], outputs)

        yield send


@pytest.fixture
def infer(channel: grpc.Channel) -> Send:
    """The same over gRPC, whose answers are typed or raw as their requests are."""

    def send(request: bytes) -> Verdict:
        status, answer = call(channel, f"{INFERENCE}ModelInfer", request)
        if status != "OK":
            return status, answer
        response = ModelInferResponse.FromString(answer)
        outputs = read_outputs(response)
        return "OK", (response.model_name, response.model_version, response.id, outputs)

    return send


def read_outputs(response: Any) -> dict[str, list[Any]]:
    outputs = {}
    raws = response.raw_output_contents or [None] * len(response.outputs)
    for output, raw in zip(response.outputs, raws, strict=True):
        if raw is None:
            ((_, data),) = output.contents.ListFields()
        else:
            data = unpack(raw, output.datatype, output.shape[0], output.name)
        outputs[output.name] = [item.decode() if isinstance(item, bytes) else item for item in data]
    return outputs


REFUSED = verdict_cases.REFUSED


@pytest.mark.parametrize(("asked", "words"), REFUSED.values(), ids=REFUSED)
def test_both_wires_refuse_the_same_request_in_the_same_words(
    rest: Send, infer: Send, asked: Asked, words: str
) -> None:
    verdict = rest(asked.as_json())

    assert verdict[0] == ("NOT_FOUND" if "is not served here" in words else "INVALID_ARGUMENT")
    check_message(verdict[1], words)
    assert rest(asked.as_binary()) == verdict
    assert infer(asked.as_typed()) == verdict
    assert infer(asked.as_raw()) == verdict


NOT_IN_BYTES = verdict_cases.NOT_IN_BYTES


@pytest.mark.parametrize(("asked", "words"), NOT_IN_BYTES.values(), ids=NOT_IN_BYTES)
def test_json_and_typed_contents_are_refused_in_the_same_words(
    rest: Send, infer: Send, asked: Asked, words: str
) -> None:
    assert rest(asked.as_json()) == infer(asked.as_typed()) == ("INVALID_ARGUMENT", words)


NOT_IN_JSON = verdict_cases.NOT_IN_JSON


@pytest.mark.parametrize(("asked", "words"), NOT_IN_JSON.values(), ids=NOT_IN_JSON)
def test_bytes_are_refused_in_the_same_words_on_both_wires(
    rest: Send, infer: Send, asked: Asked, words: str
) -> None:
    status, message = rest(asked.as_binary())

    assert status == "INVALID_ARGUMENT"
    check_message(message, words)
    assert infer(asked.as_typed()) == (status, message)
    assert infer(asked.as_raw()) == (status, message)


ACCEPTED = verdict_cases.ACCEPTED


@pytest.mark.parametrize("asked", ACCEPTED.values(), ids=ACCEPTED)
def test_both_wires_give_the_same_answer_to_the_same_request(
    rest: Send, infer: Send, asked: Asked
) -> None:
    verdict = rest(asked.as_json())

    assert verdict[0] == "OK"
    assert rest(asked.as_binary()) == verdict
    assert infer(asked.as_typed()) == verdict
    assert infer(asked.as_raw()) == verdict


def test_nothing_restarted_and_no_prompt_was_logged(watch: Watch) -> None:
    watch.check()
