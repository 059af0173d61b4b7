"""A request's tokens are its own: the same in 50 different companies."""

import itertools
import random
from pathlib import Path

import pytest

from predictor.config import DEMO_MODEL_DIR, EngineConfig
from predictor.engine.engine import Engine
from predictor.engine.loader import load_engine
from predictor.engine.sequence import SamplingParams, Sequence, TokenOutput

NUM_COMPANIES = 50
# One is computed whole, the other in chunks and from blocks that others have left.
SHORT = [5, 17, 40, 8, 100, 23, 61]
LONG = [(7 * i) % 250 for i in range(50)]
WATCHED_ID = 10_000


@pytest.fixture(scope="module")
def engine() -> Engine:
    config = EngineConfig(
        model_dir=Path(DEMO_MODEL_DIR), device="cpu", num_threads=1, max_num_batched_tokens=96
    )
    return load_engine(config)[0]


def run(
    engine: Engine,
    prompt_ids: list[int],
    params: SamplingParams,
    company: random.Random | None = None,
) -> list[TokenOutput]:
    """Return the request's outputs, alone or among others that come before and while it runs."""
    if company is not None:
        for sequence_id in range(company.randint(1, 8)):
            engine.add(neighbour(sequence_id, company))
        for _ in range(company.randint(0, 12)):
            engine.step()
    engine.add(Sequence(WATCHED_ID, prompt_ids, params))
    outputs: list[TokenOutput] = []
    for sequence_id in itertools.count(100):
        if not engine.has_work:
            break
        if company is not None and company.random() < 0.2 and sequence_id < 110:
            engine.add(neighbour(sequence_id, company))
        outputs += [output for output in engine.step() if output.sequence_id == WATCHED_ID]
    return outputs


def neighbour(sequence_id: int, rng: random.Random) -> Sequence:
    prompt_ids = [rng.randrange(250) for _ in range(rng.choice([1, 3, 17, 60, 110]))]
    params = SamplingParams(
        max_tokens=rng.randint(1, 12), seed=rng.randrange(1000), temperature=rng.choice([0.0, 1.0])
    )
    return Sequence(sequence_id, prompt_ids, params)


@pytest.fixture(
    params=[
        pytest.param({"temperature": 0.0}, id="greedy"),
        pytest.param({"temperature": 0.8, "top_p": 0.9, "top_k": 40}, id="sampled"),
    ]
)
def params(request: pytest.FixtureRequest) -> SamplingParams:
    return SamplingParams(max_tokens=12, seed=7, ignore_eos=True, num_logprobs=2, **request.param)


def test_a_request_has_the_same_tokens_in_any_company(
    engine: Engine, params: SamplingParams
) -> None:
    alone = run(engine, LONG, params)

    for seed in range(NUM_COMPANIES):
        together = run(engine, LONG, params, random.Random(seed))
        assert [o.token_id for o in together] == [o.token_id for o in alone], seed


def test_a_prompt_computed_whole_has_the_same_logprobs_to_the_bit(
    engine: Engine, params: SamplingParams
) -> None:
    alone = run(engine, SHORT, params)

    for seed in range(NUM_COMPANIES):
        together = run(engine, SHORT, params, random.Random(seed))
        assert [o.logprobs for o in together] == [o.logprobs for o in alone], seed
