"""The model as kserve sees it: load, preprocess, predict, postprocess."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, aclosing, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

from kserve import InferRequest, InferResponse, Model

from predictor.admission import Admission
from predictor.config import ServerConfig
from predictor.engine.client import EngineClient
from predictor.engine.messages import Ready
from predictor.engine.sequence import TokenOutput
from predictor.errors import DeadlineExceeded, InvalidRequest, ModelNotFound, Unavailable
from predictor.generation import Completion, Delta, PreparedRequest
from predictor.metrics import Metrics
from predictor.output import OutputReader
from predictor.preparation import Preparation, TextSide, load_text_side
from predictor.protocol.v2 import (
    INPUT_TENSORS,
    OUTPUT_TENSORS,
    encode_infer,
    encode_stream_delta,
)
from predictor.protocol.wording import quote
from predictor.timing import SequenceTimer

logger = logging.getLogger(__name__)

# Rows of a batch that start before others of the loop have their turn.
MAX_STARTED: Final = 32

Steps = AsyncGenerator[list[TokenOutput], None]

# What the server's metadata says of itself, on every protocol.
SERVER_NAME: Final = "kserve-r1"
SERVER_VERSION: Final = metadata.version(SERVER_NAME)
EXTENSIONS: Final = ("generate", "binary_tensor_data", "model_repository", "model_stream_infer")


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

    def __init__(
        self, config: ServerConfig, client: EngineClient, metrics: Metrics, *, max_num_seqs: int
    ) -> None:
        super().__init__(config.model_name)
        self.version = config.model_version
        self.platform = SERVER_NAME
        self._model_dir: Path = config.model_dir
        self._defaults_dir = config.defaults_dir
        self._client = client
        self._metrics = metrics
        self._request_timeout_s = config.limits.request_timeout_s
        # Sequences that may run, and behind them those that may wait.
        self._admission = Admission(max_num_seqs + config.limits.max_waiting)
        self._loaded = asyncio.Event()
        self._preparation: Preparation | None = None
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

        Raises ModelRefused when the checkpoint cannot be served, SettingRefused when the operator's
        defaults cannot be followed.
        """
        engine = asyncio.create_task(self._client.run())
        try:
            text = await asyncio.to_thread(load_text_side, self._model_dir, self._defaults_dir)
            ready = asyncio.create_task(self._client.wait_ready())
            await asyncio.wait({engine, ready}, return_when=asyncio.FIRST_COMPLETED)
            if not engine.done():
                self._accept(text, ready.result())
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
        is_loaded = self._preparation is not None and self._client.ready is not None
        return is_loaded and not self._is_stopping

    @property
    def unreadiness(self) -> str | None:
        """Why the model is not ready; None while it is."""
        if self._is_stopping:
            return "is stopping"
        if self._preparation is None:
            return "is loading"
        return None if self.is_ready else "has lost its engine and waits for another"

    def check_ready(self) -> None:
        """Raise Unavailable unless a request would be served now."""
        if (why := self.unreadiness) is not None:
            raise Unavailable(f"model {self.name} {why}")

    @property
    def preparation(self) -> Preparation:
        """What makes tokens of requests; raises Unavailable until the model is loaded."""
        # Not ``check_ready``: what was admitted before the drain is still served.
        if self._preparation is None:
            raise Unavailable(f"model {self.name} is loading")
        return self._preparation

    @property
    def is_live(self) -> bool:
        """Whether waiting may help: False while an engine that ended cannot be replaced."""
        return self._client.can_recover

    @contextmanager
    def admit(self) -> Iterator[None]:
        """Give a request its place; raises Unavailable when there is none or the model not ready.

        A request of several rows takes one place to come in, and then one a row: ``extend``.
        """
        self.check_ready()
        with self._admission.admit():
            yield

    def extend(self, num_rows: int) -> AbstractContextManager[None]:
        """Give an admitted request places for all its rows; raises Unavailable."""
        return self._admission.extend(num_rows)

    def check_room(self) -> None:
        """Raise Unavailable unless a request would be admitted now."""
        self.check_ready()
        self._admission.check_room()

    async def wait_idle(self) -> None:
        """Return once no admitted request is under way."""
        await self._admission.wait_idle()

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
        """Return the rows in tokens; raises InvalidRequest, naming the row at fault."""
        return InferBatch(payload, await self.preparation.prepare_infer(payload))

    async def predict(
        self,
        payload: InferBatch,
        headers: dict[str, str] | None = None,
        response_headers: dict[str, str] | None = None,
    ) -> InferResult:
        """Run every row at once; the first that fails ends the others."""
        with self.extend(len(payload.rows)):
            tasks: list[asyncio.Task[Completion]] = []
            try:
                for row in payload.rows:
                    tasks.append(asyncio.create_task(self.complete(row)))
                    if len(tasks) % MAX_STARTED == 0:
                        await asyncio.sleep(0)
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

    async def stream(self, request: PreparedRequest) -> AsyncGenerator[Delta, None]:
        """Yield what each step adds, up to the delta with the finish reason.

        Closing the generator frees the engine's sequence within one step. Raises
        DeadlineExceeded, Unavailable and GenerationFailed, which free it too.
        """
        reader = OutputReader(self.preparation.tokenizer, request)
        timer = SequenceTimer(self._metrics, request.arrived_at_s)
        try:
            async with aclosing(self._client.generate(request.prompt_ids, request.params)) as steps:
                delta = await self._step(steps, request, reader, timer)
                while delta.finish_reason is None:
                    yield delta
                    delta = await self._step(steps, request, reader, timer)
                timer.end(delta)
                yield delta
        finally:
            timer.close(asyncio.get_running_loop().time())

    async def _step(
        self, steps: Steps, request: PreparedRequest, reader: OutputReader, timer: SequenceTimer
    ) -> Delta:
        outputs = await self._next(steps, request)
        delta = reader.read(outputs)
        timer.read(outputs, asyncio.get_running_loop().time())
        return delta

    async def _next(self, steps: Steps, request: PreparedRequest) -> list[TokenOutput]:
        try:
            async with asyncio.timeout_at(request.arrived_at_s + self._request_timeout_s):
                return await anext(steps)
        except TimeoutError:
            raise DeadlineExceeded(
                f"the generation took longer than {self._request_timeout_s:g} s, the most that "
                "a request may take"
            ) from None

    async def complete(self, request: PreparedRequest) -> Completion:
        """Return the whole generation."""
        deltas: list[Delta] = []
        async with aclosing(self.stream(request)) as stream:
            async for delta in stream:
                deltas.append(delta)
        return Completion.join(deltas)

    def _accept(self, text: TextSide, facts: Ready) -> None:
        self._preparation = Preparation(text, facts)
        self._loaded.set()
        logger.info(
            "loaded %s on %s in %s: %d tokens of context, %d blocks of KV cache",
            *(self.name, facts.device, facts.dtype, facts.max_model_len, facts.num_blocks),
        )
