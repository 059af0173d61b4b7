"""Messages between the two processes: what is sent is what is received."""

from pathlib import Path

import pytest

from predictor.config import EngineConfig
from predictor.engine.faults import Faults
from predictor.engine.messages import (
    HEADER,
    EngineStats,
    Start,
    Step,
    ToServer,
    decode_to_engine,
    decode_to_server,
    encode_frame,
)
from predictor.engine.sequence import FinishReason, TokenLogprobs, TokenOutput

STATS = EngineStats(
    num_waiting=1,
    num_running=2,
    num_used_blocks=3,
    num_preemptions=4,
    num_prefix_hit_tokens=5,
    num_draft_tokens=6,
    num_accepted_tokens=7,
)


def test_the_configuration_arrives_with_its_path_and_its_faults() -> None:
    config = EngineConfig(model_dir=Path("/m"), faults=Faults(stall_after_tokens=3, stall_s=1.5))

    assert decode_to_engine(encode_frame(Start(config))[HEADER.size :]) == Start(config)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(Step([], STATS), id="no-token"),
        pytest.param(Step([TokenOutput(1, 2, queue_time_s=0.25)], STATS), id="first-token"),
        pytest.param(
            Step(
                [TokenOutput(1, 2, FinishReason.LENGTH, TokenLogprobs(-0.5, ((2, -0.5),)))], STATS
            ),
            id="last-token",
        ),
    ],
)
def test_a_step_arrives_with_its_tokens_and_stats(message: ToServer) -> None:
    assert decode_to_server(encode_frame(message)[HEADER.size :]) == message
