"""The asyncio side against a real engine process."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest

from predictor.config import DEMO_MODEL_DIR, EngineConfig
from predictor.engine.client import EngineClient
from predictor.engine.messages import EngineStats
from predictor.engine.sequence import FinishReason, SamplingParams, TokenOutput
from predictor.errors import ModelRefused, Unavailable

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

GREEDY = SamplingParams(max_tokens=20, seed=0, temperature=0.0)
ENDLESS = SamplingParams(max_tokens=2000, seed=0, temperature=0.0)


@dataclass
class Running:
    """An engine of which two generations at a time may use it, and the loop that they share."""

    client: EngineClient
    loop: asyncio.AbstractEventLoop

    def run(self, body: Callable[[EngineClient], Awaitable[None]]) -> None:
        """Run a test's async body to its end, which must come within a minute."""
        self.loop.run_until_complete(asyncio.wait_for(body(self.client), 60))


@pytest.fixture(scope="module")
def engine() -> Iterator[Running]:
    with asyncio.Runner() as runner:
        client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR, max_num_seqs=2))
        loop = runner.get_loop()
        run = loop.create_task(client.run())
        loop.run_until_complete(asyncio.wait_for(client.wait_ready(), 60))
        yield Running(client, loop)
        client.close()
        loop.run_until_complete(run)


async def collect_outputs(client: EngineClient, params: SamplingParams) -> list[TokenOutput]:
    outputs = []
    async with aclosing(client.generate([1, 2, 3], params)) as steps:
        async for step in steps:
            outputs += step
    assert outputs[-1].finish_reason is FinishReason.LENGTH
    return outputs


async def collect(client: EngineClient, params: SamplingParams) -> list[int | None]:
    return [output.token_id for output in await collect_outputs(client, params)]


def test_generations_run_together_and_alike(engine: Running) -> None:
    async def body(client: EngineClient) -> None:
        alone = await collect(client, GREEDY)
        together = await asyncio.gather(*[collect(client, GREEDY) for _ in range(8)])
        assert len(alone) == 20
        assert together == [alone] * 8

    engine.run(body)


def test_closed_and_cancelled_generations_make_room_for_others(engine: Running) -> None:
    async def body(client: EngineClient) -> None:
        async with aclosing(client.generate([1, 2, 3], ENDLESS)) as steps:
            await anext(steps)
        tasks = [asyncio.create_task(collect(client, ENDLESS)) for _ in range(40)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert client.num_streams == 0
        # Two at a time, whatever went on unseen would keep the last one waiting.
        assert len(await asyncio.wait_for(collect(client, GREEDY), 20)) == 20

    engine.run(body)


def test_stats_tell_what_runs_and_return_to_zeros_when_all_have_left(
    engine: Running, until: Until
) -> None:
    async def body(client: EngineClient) -> None:
        await until(lambda: client.stats == EngineStats())
        generations = [client.generate([1, 2, 3], ENDLESS) for _ in range(3)]
        # The last waits for the others, which go on for long.
        firsts = [asyncio.ensure_future(anext(generation)) for generation in generations]
        await firsts[0]
        while client.stats.num_waiting == 0:
            await anext(generations[0])
        assert (client.stats.num_waiting, client.stats.num_running) == (1, 2)
        assert client.stats.num_used_blocks > 0

        firsts[-1].cancel()
        await asyncio.gather(*firsts, return_exceptions=True)
        for generation in generations:
            await generation.aclose()
        await until(lambda: client.stats == EngineStats())

    engine.run(body)


def test_the_first_token_alone_tells_the_time_in_the_queue(engine: Running) -> None:
    async def body(client: EngineClient) -> None:
        first, *rest = await collect_outputs(client, GREEDY)
        assert first.queue_time_s is not None
        assert 0 <= first.queue_time_s < 60
        assert {output.queue_time_s for output in rest} == {None}

    engine.run(body)


def test_a_model_that_cannot_be_served_is_refused(
    tmp_path: Path, run_on_a_loop: RunOnALoop
) -> None:
    client = EngineClient(EngineConfig(model_dir=tmp_path))

    async def body() -> None:
        with pytest.raises(ModelRefused, match=r"config\.json"):
            await client.run()
        client.close()

    run_on_a_loop(body)
    assert client.num_restarts == 0


def test_nothing_is_generated_before_the_engine_is_ready(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR))
        with pytest.raises(Unavailable, match="not ready"):
            await collect(client, GREEDY)
        client.close()
        await client.run()

    run_on_a_loop(body)
