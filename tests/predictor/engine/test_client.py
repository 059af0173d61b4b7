"""The asyncio side against a real engine process."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
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


@asynccontextmanager
async def running(max_num_seqs: int = 8) -> AsyncIterator[EngineClient]:
    client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR, max_num_seqs=max_num_seqs))
    run = asyncio.create_task(client.run())
    try:
        await client.wait_ready()
        yield client
    finally:
        client.close()
        await run


async def collect_outputs(client: EngineClient, params: SamplingParams) -> list[TokenOutput]:
    outputs = []
    async with aclosing(client.generate([1, 2, 3], params)) as steps:
        async for step in steps:
            outputs += step
    assert outputs[-1].finish_reason is FinishReason.LENGTH
    return outputs


async def collect(client: EngineClient, params: SamplingParams) -> list[int | None]:
    return [output.token_id for output in await collect_outputs(client, params)]


def test_generations_run_together_and_alike(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with running() as client:
            alone = await collect(client, GREEDY)
            together = await asyncio.gather(*[collect(client, GREEDY) for _ in range(8)])
        assert len(alone) == 20
        assert together == [alone] * 8

    run_on_a_loop(body)


def test_closed_and_cancelled_generations_make_room_for_others(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        # One at a time: whatever went on unseen would keep the last one waiting.
        async with running(max_num_seqs=1) as client:
            async with aclosing(client.generate([1, 2, 3], ENDLESS)) as steps:
                await anext(steps)
            tasks = [asyncio.create_task(collect(client, ENDLESS)) for _ in range(20)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            assert client.num_streams == 0
            assert len(await asyncio.wait_for(collect(client, GREEDY), 5)) == 20

    run_on_a_loop(body)


def test_stats_tell_what_runs_and_return_to_zeros_when_all_have_left(
    run_on_a_loop: RunOnALoop,
    until: Until,
) -> None:
    async def body() -> None:
        async with running(max_num_seqs=1) as client:
            assert client.stats == EngineStats()
            generations = [client.generate([1, 2, 3], ENDLESS) for _ in range(2)]
            # The second waits for the first, which goes on for long.
            second = asyncio.ensure_future(anext(generations[1]))
            while client.stats.num_waiting == 0:
                await anext(generations[0])
            assert (client.stats.num_waiting, client.stats.num_running) == (1, 1)
            assert client.stats.num_used_blocks > 0

            second.cancel()
            await asyncio.gather(second, return_exceptions=True)
            for generation in generations:
                await generation.aclose()
            await until(lambda: client.stats == EngineStats())

    run_on_a_loop(body)


def test_the_first_token_alone_tells_the_time_in_the_queue(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with running() as client:
            first, *rest = await collect_outputs(client, GREEDY)
        assert first.queue_time_s is not None
        assert 0 <= first.queue_time_s < 60
        assert {output.queue_time_s for output in rest} == {None}

    run_on_a_loop(body)


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
