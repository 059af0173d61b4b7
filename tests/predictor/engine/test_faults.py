"""What faults may be asked for, and how a wrong wish is refused."""

import pytest

from predictor.engine.faults import Faults, parse_faults
from predictor.errors import SettingRefused


def test_every_fault_is_read() -> None:
    text = """{"step_delay_s": 0.5, "error_rate": 1, "stall_after_tokens": 3, "stall_s": 2.5,
               "weight_noise": 0.1}"""

    assert parse_faults(text) == Faults(
        step_delay_s=0.5, error_rate=1, stall_after_tokens=3, stall_s=2.5, weight_noise=0.1
    )


def test_an_empty_object_is_no_fault() -> None:
    assert parse_faults("{}") == Faults()


def test_faults_that_are_on_are_described_and_no_others() -> None:
    assert Faults(error_rate=0.25, stall_s=2).describe() == "error_rate=0.25, stall_s=2"
    assert Faults().describe() == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "the faults are not JSON", id="empty"),
        pytest.param("[1]", "a JSON list, must be an object", id="list"),
        pytest.param(
            '{"error_rat": 1}', "fault 'error_rat' is not known, .* error_rate", id="name"
        ),
        pytest.param('{"error_rate": "1"}', "error_rate is '1', must be a number", id="text"),
        pytest.param('{"step_delay_s": true}', "step_delay_s is True, must be a number", id="bool"),
        pytest.param('{"stall_s": null}', "stall_s is None, must be a number", id="null"),
        pytest.param(
            '{"stall_after_tokens": 1.0, "stall_s": 1}',
            "stall_after_tokens is 1.0, must be an integer from 0 to 2147483647",
            id="count",
        ),
        pytest.param('{"error_rate": 1.1}', "error_rate is 1.1, must be from 0 to 1", id="rate"),
        pytest.param('{"weight_noise": -1}', "weight_noise is -1, must be from 0", id="negative"),
        pytest.param('{"stall_s": 1e999}', "faults are not JSON|stall_s is inf", id="infinite"),
        pytest.param('{"stall_s": NaN}', "the faults are not JSON", id="nan"),
        pytest.param(
            '{"stall_after_tokens": 2}',
            "stall_s is 0.0, must be above 0 with stall_after_tokens",
            id="stall-of-no-length",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(SettingRefused, match=words):
        parse_faults(text)
