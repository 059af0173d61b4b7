"""The engine process behind its channel, as the server uses it."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

from predictor.config import EngineConfig
from predictor.engine.client import EngineClient
from predictor.engine.sequence import SamplingParams
from tests.predictor.bench.contenders.wire import RunLoad, serve
from tests.predictor.bench.load import Answer, Load, Measured, Request


def load_model(directory: str, dtype: str, num_threads: int) -> RunLoad:
    config = EngineConfig(
        model_dir=Path(directory),
        device="cpu",
        dtype=dtype,  # type: ignore[arg-type]
        num_threads=num_threads,
        max_num_seqs=64,
        prefix_cache=False,
        prompt_lookup=False,
    )
    runner = asyncio.Runner()
    client = runner.run(_start(config))
    return lambda load: runner.run(_run(client, load))


async def _start(config: EngineConfig) -> EngineClient:
    client = EngineClient(config)
    _tasks.append(asyncio.create_task(client.run()))
    await client.wait_ready()
    return client


# A task that nobody holds may be collected.
_tasks: list[asyncio.Task[None]] = []


async def _run(client: EngineClient, load: Load) -> Measured:
    answers: list[Answer | None] = [None] * len(load.requests)
    waiting = iter(enumerate(load.requests))
    started_s = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(load.concurrency):
            group.create_task(_take(client, waiting, answers))
    elapsed_s = time.perf_counter() - started_s
    return Measured(elapsed_s, [answer for answer in answers if answer is not None])


async def _take(
    client: EngineClient,
    waiting: Iterator[tuple[int, Request]],
    answers: list[Answer | None],
) -> None:
    for index, request in waiting:
        answers[index] = await _ask(client, request)


async def _ask(client: EngineClient, request: Request) -> Answer:
    params = SamplingParams(max_tokens=request.num_tokens, seed=0, temperature=0.0, ignore_eos=True)
    answer = Answer([], [])
    sent_s = time.perf_counter()
    async for outputs in client.generate(request.prompt_ids, params):
        now_s = time.perf_counter() - sent_s
        for output in outputs:
            assert output.token_id is not None
            answer.token_ids.append(output.token_id)
            answer.times_s.append(now_s)
    return answer


if __name__ == "__main__":
    serve(load_model)
