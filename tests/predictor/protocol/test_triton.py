"""How the last response of a request is marked in a stream."""

import pytest
from kserve import InferRequest

from predictor.errors import InvalidRequest
from predictor.protocol.messages import ModelInferResponse
from predictor.protocol.triton import (
    EMPTY_FINAL,
    FINAL,
    encode_stream,
    encode_stream_error,
    take_empty_final,
)


def response(*, is_final):
    message = ModelInferResponse(model_name="r1", model_version="1", id="7")
    message.parameters[FINAL].bool_param = is_final
    message.outputs.add(name="text_output")
    return message


def request(**parameters):
    return InferRequest("r1", [], parameters=parameters)


@pytest.mark.parametrize(
    ("parameters", "wanted"),
    [({}, False), ({EMPTY_FINAL: False}, False), ({EMPTY_FINAL: True}, True)],
    ids=["absent", "false", "true"],
)
def test_the_wish_for_an_empty_final_response_is_taken_out_of_the_request(parameters, wanted):
    asked = request(seed=7, **parameters)
    assert take_empty_final(asked) is wanted
    assert asked.parameters == {"seed": 7}


@pytest.mark.parametrize("value", [1, "true", 0.0], ids=["int", "string", "double"])
def test_a_wish_that_is_no_bool_is_refused_by_name(value):
    with pytest.raises(InvalidRequest, match=f"{EMPTY_FINAL} is .*, must be true or false"):
        take_empty_final(request(**{EMPTY_FINAL: value}))


@pytest.mark.parametrize("empty_final", [False, True])
def test_a_response_that_is_not_the_last_is_sent_as_it_is(empty_final):
    (message,) = encode_stream(response(is_final=False), empty_final=empty_final)
    assert message.infer_response == response(is_final=False)


def test_the_last_response_is_marked_itself_unless_an_empty_one_is_wanted():
    (message,) = encode_stream(response(is_final=True), empty_final=False)
    assert message.infer_response == response(is_final=True)


def test_the_empty_final_response_has_no_outputs_and_alone_is_marked():
    content, final = encode_stream(response(is_final=True), empty_final=True)
    assert content.infer_response == response(is_final=False)
    assert final.infer_response.parameters[FINAL].bool_param
    assert not final.infer_response.outputs
    assert (final.infer_response.id, final.infer_response.model_name) == ("7", "r1")


def test_an_error_is_the_last_response_of_its_request():
    message = encode_stream_error("no", "7")
    assert (message.error_message, message.infer_response.id) == ("no", "7")
    assert message.infer_response.parameters[FINAL].bool_param
