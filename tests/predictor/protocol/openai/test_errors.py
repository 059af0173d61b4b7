"""OpenAI's error object."""

import orjson
import pytest

from predictor.config import Limits
from predictor.errors import InvalidRequest
from predictor.protocol.openai.answers import encode_error
from predictor.protocol.openai.chat import decode_chat
from predictor.protocol.openai.forms import FIELDS

CHAT = {"model": "r1", "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(
    ("members", "param"),
    [
        pytest.param(case[0], case[1], id=case[1] or "none")
        for case in [
            ({"top_p": 5}, "top_p"),
            ({"stop": [""]}, "stop"),
            ({"messages": [{}]}, "messages"),
            ({"model": None}, "model"),
            ({"tools": []}, "tools"),
            ({"max_completion_tokens": 0}, "max_completion_tokens"),
            ({"stream_options": {}}, "stream_options"),
            ({"temprature": 5}, None),
        ]
    ],
)
def test_an_error_s_param_is_the_field_at_fault(members, param):
    with pytest.raises(InvalidRequest) as refusal:
        decode_chat(orjson.dumps({**CHAT, **members}), Limits())
    message = str(refusal.value)
    error = encode_error(400, message, FIELDS)["error"]
    assert error == {
        "message": message,
        "type": "invalid_request_error",
        "param": param,
        "code": None,
    }


@pytest.mark.parametrize(
    ("status", "error_type", "param", "code"),
    [
        (404, "invalid_request_error", "model", "model_not_found"),
        (413, "invalid_request_error", None, None),
        (500, "server_error", None, None),
        (503, "server_error", None, None),
    ],
)
def test_an_error_s_type_and_code_follow_its_status(status, error_type, param, code):
    error = encode_error(status, "model r1 is elsewhere", FIELDS)["error"]
    assert (error["type"], error["param"], error["code"]) == (error_type, param, code)
