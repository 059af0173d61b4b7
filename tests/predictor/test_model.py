"""LanguageModel by itself: what any kserve server may call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from kserve import InferInput, InferRequest
from prometheus_client import CollectorRegistry

from predictor.config import DEMO_MODEL_DIR, EngineConfig, ServerConfig
from predictor.engine.client import EngineClient
from predictor.errors import InvalidRequest, Unavailable
from predictor.generation import GenerationOptions, GenerationRequest, Message
from predictor.metrics import Metrics
from predictor.model import LanguageModel

RunOnALoop = Callable[[Callable[[], Awaitable[None]]], None]


def make_model(client: EngineClient) -> LanguageModel:
    config = ServerConfig(model_dir=DEMO_MODEL_DIR)
    return LanguageModel(config, client, Metrics(CollectorRegistry()), max_num_seqs=64)


@asynccontextmanager
async def loaded() -> AsyncIterator[LanguageModel]:
    client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR))
    model = make_model(client)
    engine = asyncio.create_task(model.start_engine())
    try:
        await model.wait_loaded()
        yield model
    finally:
        model.stop_engine()
        await engine


def make_request(*prompts: str) -> InferRequest:
    prompt = InferInput("text_input", [len(prompts)], "BYTES", list(prompts))
    return InferRequest("r1", [prompt], request_id="7", parameters={"temperature": 0})


def test_kserves_hooks_take_a_request_to_its_response(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        async with loaded() as model:
            response, _ = await model(make_request("what is 128 + 367?", "3*4="))
        assert response.id == "7"
        assert response.outputs[0].data == ["495", "12"]

    run_on_a_loop(body)


def test_a_row_that_cannot_be_served_is_named_by_its_index(
    run_on_a_loop: RunOnALoop,
) -> None:
    async def body() -> None:
        async with loaded() as model:
            with pytest.raises(InvalidRequest, match="row 1: the prompt is"):
                await model(make_request("3*4=", "12 + " * 5000))

    run_on_a_loop(body)


def test_a_model_is_ready_once_it_is_loaded_and_until_it_drains(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        request = GenerationRequest((Message("user", "3*4="),), GenerationOptions(temperature=0.0))
        async with loaded() as model:
            assert await model.healthy()
            accepted = await model.preparation.prepare(request)
            model.drain()
            assert not await model.healthy()
            with pytest.raises(Unavailable, match="is stopping"), model.admit():
                pass
            assert (await model.complete(accepted)).answer == "12"

    run_on_a_loop(body)


def test_a_model_that_still_loads_is_not_ready_and_says_so(run_on_a_loop: RunOnALoop) -> None:
    async def body() -> None:
        client = EngineClient(EngineConfig(model_dir=DEMO_MODEL_DIR))
        model = make_model(client)

        assert not model.load()
        with pytest.raises(Unavailable, match="is loading"):
            await model(make_request("3*4="))
        client.close()
        await client.run()

    run_on_a_loop(body)
