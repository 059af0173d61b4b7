"""The model as kserve sees it: load, preprocess, predict, postprocess."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from kserve import InferRequest, InferResponse, Model

from predictor.config import ServerConfig
from predictor.defaults import GenerationDefaults, load_generation_defaults
from predictor.engine.client import EngineClient
from predictor.engine.messages import Ready
from predictor.errors import InvalidRequest, ModelNotFound, ModelRefused, Unavailable
from predictor.generation import (
    Completion,
    Delta,
    GenerationRequest,
    PreparedRequest,
    TokenInfo,
)
from predictor.output import OutputReader
from predictor.prepare import Preparer
from predictor.protocol.v2 import (
    INPUT_TENSORS,
    OUTPUT_TENSORS,
    decode_infer,
    encode_infer,
    encode_stream_delta,
)
from predictor.protocol.wording import quote
from predictor.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

# What the server's metadata says of itself, on every protocol.
SERVER_NAME: Final = "kserve-r1"
SERVER_VERSION: Final = metadata.version(SERVER_NAME)
EXTENSIONS: Final = ("generate", "model_stream_infer")


@dataclass(frozen=True, slots=True)
class InferBatch:
    """What preprocess hands to predict: the request and its rows, ready for the engine."""

    request: InferRequest
    rows: list[PreparedRequest]


@dataclass(frozen=True, slots=True)
class InferResult:
    """What predict hands to postprocess."""

    request: InferRequest
    completions: list[Completion]


class LanguageModel(Model):
    """Serves one checkpoint; ready once the engine has loaded it and until ``drain``."""

    def __init__(self, config: ServerConfig, client: EngineClient) -> None:
        super().__init__(config.model_name)
        self.version = config.model_version
        self.platform = SERVER_NAME
        self._model_dir: Path = config.model_dir
        self._client = client
        self._loaded = asyncio.Event()
        self._preparer: Preparer | None = None
        self._is_stopping = False
        # What kserve asks for before it registers a model; ``healthy`` tells the truth.
        self.ready = True
        self.engine = True

    def start(self) -> None:
        """Nothing: ``start_engine`` loads, behind a port that is already open."""

    def load(self) -> bool:
        """Return whether the model is loaded, at once: kserve calls this within requests."""
        return self.is_ready

    async def start_engine(self) -> None:
        """Load, then stay until the engine is closed.

        Raises ModelRefused when the checkpoint cannot be served.
        """
        engine = asyncio.create_task(self._client.run())
        try:
            tokenizer, defaults = await asyncio.to_thread(self._load_text_side)
            ready = asyncio.create_task(self._client.wait_ready())
            await asyncio.wait({engine, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not engine.done():
                self._accept(_build_preparer(tokenizer, defaults, ready.result()), ready.result())
            ready.cancel()
            await engine
        finally:
            self._client.close()
            await asyncio.gather(engine, return_exceptions=True)

    async def wait_loaded(self) -> None:
        await self._loaded.wait()

    async def healthy(self) -> bool:
        return self.is_ready

    @property
    def is_ready(self) -> bool:
        is_loaded = self._preparer is not None and self._client.ready is not None
        return is_loaded and not self._is_stopping

    def check_ready(self) -> None:
        """Raise Unavailable unless a request would be served now."""
        if not self.is_ready:
            state = "is stopping" if self._is_stopping else "is not ready"
            raise Unavailable(f"model {self.name} {state}")

    def check_served(self, name: str, version: str) -> None:
        """Raise ModelNotFound unless this is the model's name, and its version if one is given."""
        if name != self.name:
            raise ModelNotFound(f"model {quote(name)} is not served here, only {self.name}")
        if version not in ("", self.version):
            raise ModelNotFound(
                f"version {quote(version)} of {name} is not served here, only {self.version}"
            )

    def drain(self) -> None:
        """Refuse new requests; those accepted go on."""
        self._is_stopping = True

    def stop_engine(self) -> None:
        self._client.close()

    def get_input_types(self) -> list[dict[str, object]]:
        return [tensor.describe() for tensor in INPUT_TENSORS]

    def get_output_types(self) -> list[dict[str, object]]:
        return [tensor.describe() for tensor in OUTPUT_TENSORS]

    def validate(self, payload: object) -> object:
        """Return the payload: ``preprocess`` has checked it."""
        return payload

    async def preprocess(
        self, payload: InferRequest, headers: dict[str, str] | None = None
    ) -> InferBatch:
        requests = decode_infer(payload)
        rows = []
        for index, request in enumerate(requests):
            try:
                rows.append(await self.prepare(request))
            except InvalidRequest as error:
                raise InvalidRequest(f"row {index}: {error}") from None
        return InferBatch(payload, rows)

    async def predict(
        self,
        payload: InferBatch,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResult:
        """Run every row at once; the first that fails ends the others."""
        tasks = [asyncio.create_task(self.complete(row)) for row in payload.rows]
        try:
            return InferResult(payload.request, await asyncio.gather(*tasks))
        finally:
            for task in tasks:
                task.cancel()

    async def postprocess(
        self,
        result: InferResult,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResponse:
        return encode_infer(result.completions, result.request, self.name, self.version)

    async def stream_infer(self, request: InferRequest) -> AsyncGenerator[InferResponse, None]:
        """Yield a response for each delta with text of the one row; raises InvalidRequest."""
        batch = await self.preprocess(request)
        if len(batch.rows) != 1:
            raise InvalidRequest(f"the request has {len(batch.rows)} rows, must have 1 in a stream")
        async with aclosing(self.stream(batch.rows[0])) as stream:
            async for delta in stream:
                if delta.is_silent:
                    continue
                yield encode_stream_delta(delta, request, self.name, self.version)

    async def prepare(self, request: GenerationRequest) -> PreparedRequest:
        """Return the request in tokens, checked against the model.

        Raises InvalidRequest, and Unavailable while the model is not ready.
        """
        self.check_ready()
        assert self._preparer is not None
        return await asyncio.to_thread(self._preparer.prepare, request)

    async def stream(self, request: PreparedRequest) -> AsyncGenerator[Delta, None]:
        """Yield what each step adds, up to the delta with the finish reason.

        Closing the generator frees the engine's sequence within one step.
        """
        assert self._preparer is not None
        reader = OutputReader(self._preparer.tokenizer, request)
        async with aclosing(self._client.generate(request.prompt_ids, request.params)) as steps:
            async for outputs in steps:
                delta = reader.read(outputs)
                yield delta
                if delta.finish_reason is not None:
                    return

    async def complete(self, request: PreparedRequest) -> Completion:
        """Return the whole generation."""
        deltas: list[Delta] = []
        async with aclosing(self.stream(request)) as stream:
            async for delta in stream:
                deltas.append(delta)
        return _join(deltas)

    def _accept(self, preparer: Preparer, facts: Ready) -> None:
        self._preparer = preparer
        self._loaded.set()
        logger.info(
            "loaded %s on %s in %s: %d tokens of context, %d blocks of KV cache",
            self.name,
            facts.device,
            facts.dtype,
            facts.max_model_len,
            facts.num_blocks,
        )

    def _load_text_side(self) -> tuple[Tokenizer, GenerationDefaults]:
        return Tokenizer(self._model_dir), load_generation_defaults(self._model_dir)


def _join(deltas: list[Delta]) -> Completion:
    last = deltas[-1]
    assert last.finish_reason is not None
    assert last.usage is not None
    tokens: list[TokenInfo] = [token for delta in deltas for token in delta.tokens]
    return Completion(
        answer="".join(delta.answer for delta in deltas),
        reasoning="".join(delta.reasoning for delta in deltas),
        tokens=tuple(tokens),
        finish_reason=last.finish_reason,
        usage=last.usage,
    )


def _build_preparer(tokenizer: Tokenizer, defaults: GenerationDefaults, ready: Ready) -> Preparer:
    """Fit the tokenizer to the model; raises ModelRefused where they do not belong together."""
    if tokenizer.max_token_id >= ready.vocab_size:
        raise ModelRefused(
            f"tokenizer.json has token id {tokenizer.max_token_id}, but the model's vocabulary "
            f"ends at {ready.vocab_size - 1}"
        )
    eos_token_ids = defaults.eos_token_ids or ready.eos_token_ids
    if not eos_token_ids:
        raise ModelRefused("neither generation_config.json nor config.json has an eos_token_id")
    for token_id in eos_token_ids:
        if token_id >= ready.vocab_size:
            raise ModelRefused(
                f"generation_config.json: eos_token_id holds {token_id}, must hold ids in "
                f"0..{ready.vocab_size - 1}"
            )
    if tokenizer.eos_token_id is not None and tokenizer.eos_token_id not in eos_token_ids:
        raise ModelRefused(
            f"the tokenizer's eos token has id {tokenizer.eos_token_id}, but the model ends at "
            f"{list(eos_token_ids)}"
        )
    return Preparer(tokenizer, defaults, eos_token_ids, ready.max_model_len, ready.vocab_size)
