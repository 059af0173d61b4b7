"""The client when its engine process dies, hangs or cannot be replaced."""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from predictor.config import DEMO_MODEL_DIR, EngineConfig
from predictor.engine.client import EngineClient
from predictor.engine.messages import EngineStats
from predictor.engine.sequence import FinishReason, SamplingParams
from predictor.errors import GenerationFailed, ModelRefused

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]
Until = Callable[[Callable[[], bool]], Awaitable[None]]

ENDLESS = SamplingParams(max_tokens=2000, seed=0, temperature=0.0)
SHORT = SamplingParams(max_tokens=20, seed=0, temperature=0.0)
# Far longer than a step of the embedded model on a busy machine.
STEP_TIMEOUT_S = 2.0


@pytest.fixture
def model_dir(tmp_path: Path) -> Path:
    """Return a checkpoint that tests may damage."""
    for name in ("config.json", "model.safetensors"):
        shutil.copy(DEMO_MODEL_DIR / name, tmp_path)
    return tmp_path


@asynccontextmanager
async def running(
    model_dir: Path,
    *,
    backoffs_s: tuple[float, ...] = (),
    step_timeout_s: float = 60.0,
) -> AsyncIterator[tuple[EngineClient, "asyncio.Task[None]"]]:
    config = EngineConfig(model_dir=model_dir, step_timeout_s=step_timeout_s)
    client = EngineClient(config, backoffs_s=backoffs_s)
    run = asyncio.create_task(client.run())
    try:
        await client.wait_ready()
        yield client, run
    finally:
        client.close()
        await asyncio.gather(run, return_exceptions=True)


def signal_engine(number: signal.Signals) -> None:
    """Signal the one engine process that this process has started."""
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    (pid,) = [pid for pid in children if is_engine(Path(f"/proc/{pid}/cmdline"))]
    os.kill(int(pid), number)


def is_engine(cmdline: Path) -> bool:
    return b"predictor.engine\0" in cmdline.read_bytes()


async def count_tokens(client: EngineClient) -> int:
    return sum([len(outputs) async for outputs in client.generate([1, 2, 3], SHORT)])


def test_an_engine_that_dies_fails_its_streams_and_is_replaced(
    model_dir: Path, run_on_a_loop: RunOnALoop, until: Until
) -> None:
    async def body() -> None:
        async with running(model_dir) as (client, _):
            steps = client.generate([1, 2, 3], ENDLESS)
            await anext(steps)
            signal_engine(signal.SIGKILL)
            with pytest.raises(GenerationFailed, match="the engine ended before"):
                async for _outputs in steps:
                    pass
            assert client.can_recover
            assert client.stats == EngineStats()

            await until(lambda: client.ready is not None)
            assert await count_tokens(client) == 20
            assert client.num_restarts == 1

    run_on_a_loop(body)


def test_a_model_that_cannot_be_loaded_again_is_refused_after_the_last_attempt(
    model_dir: Path, run_on_a_loop: RunOnALoop, caplog: pytest.LogCaptureFixture
) -> None:
    async def body() -> None:
        async with running(model_dir, backoffs_s=(0.01,)) as (client, run):
            (model_dir / "model.safetensors").unlink()
            signal_engine(signal.SIGKILL)

            with pytest.raises(ModelRefused, match=r"model\.safetensors"):
                await run
            # One at once and one after the back-off.
            assert client.num_restarts == 2
            assert not client.can_recover

    run_on_a_loop(body)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "engine process ended with status -9, starting another",
        "no engine",
    ]


@pytest.mark.nightly
def test_a_model_that_is_mended_meanwhile_is_served_again(
    model_dir: Path, run_on_a_loop: RunOnALoop, until: Until
) -> None:
    async def body() -> None:
        async with running(model_dir, backoffs_s=(0.01,) * 10) as (client, _):
            (model_dir / "model.safetensors").rename(model_dir / "away")
            signal_engine(signal.SIGKILL)
            await until(lambda: not client.can_recover)
            (model_dir / "away").rename(model_dir / "model.safetensors")

            await until(lambda: client.ready is not None)
            assert client.can_recover
            assert await count_tokens(client) == 20

    run_on_a_loop(body)


@pytest.mark.nightly
def test_closing_during_a_back_off_ends_at_once(
    model_dir: Path, run_on_a_loop: RunOnALoop, until: Until
) -> None:
    async def body() -> None:
        async with running(model_dir, backoffs_s=(3600.0,)) as (client, run):
            (model_dir / "model.safetensors").unlink()
            signal_engine(signal.SIGKILL)
            await until(lambda: not client.can_recover)

            client.close()

            await asyncio.wait_for(run, 5)

    run_on_a_loop(body)


def test_an_engine_that_hangs_is_ended_and_replaced(
    model_dir: Path, run_on_a_loop: RunOnALoop, until: Until
) -> None:
    async def body() -> None:
        async with running(model_dir, step_timeout_s=STEP_TIMEOUT_S) as (client, _):
            steps = client.generate([1, 2, 3], ENDLESS)
            await anext(steps)
            # Stopped, it neither steps nor ends.
            signal_engine(signal.SIGSTOP)
            with pytest.raises(GenerationFailed, match="the engine ended before"):
                async for _outputs in steps:
                    pass

            await until(lambda: client.ready is not None)
            assert await count_tokens(client) == 20

    run_on_a_loop(body)


@pytest.mark.nightly
def test_an_engine_without_work_may_be_silent_though_a_reader_takes_its_time(
    model_dir: Path, run_on_a_loop: RunOnALoop
) -> None:
    async def body() -> None:
        async with running(model_dir, step_timeout_s=STEP_TIMEOUT_S) as (client, run):
            steps = client.generate([1, 2, 3], SHORT)
            await anext(steps)
            await asyncio.wait({run}, timeout=2 * STEP_TIMEOUT_S)

            rest = [output async for outputs in steps for output in outputs]
            assert rest[-1].finish_reason is FinishReason.LENGTH
            assert client.num_restarts == 0

    run_on_a_loop(body)


@pytest.mark.nightly
def test_an_engine_has_the_whole_time_for_its_first_step_after_it_had_no_work(
    model_dir: Path, run_on_a_loop: RunOnALoop
) -> None:
    async def body() -> None:
        loop = asyncio.get_running_loop()
        async with running(model_dir, step_timeout_s=STEP_TIMEOUT_S) as (client, run):
            await asyncio.wait({run}, timeout=STEP_TIMEOUT_S / 2)
            signal_engine(signal.SIGSTOP)
            started_s = loop.time()

            with pytest.raises(GenerationFailed):
                await anext(client.generate([1, 2, 3], SHORT))

            assert loop.time() - started_s >= STEP_TIMEOUT_S

    run_on_a_loop(body)
