"""Requests -> tokens, off the event loop and by the defaults that are in force."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from kserve import InferRequest

from predictor.defaults import (
    GenerationDefaults,
    OperatorDefaults,
    load_generation_defaults,
    parse_operator_defaults,
)
from predictor.defaults_dir import take_snapshot
from predictor.engine.messages import Ready
from predictor.generation import GenerationRequest, PreparedRequest
from predictor.lanes import Lanes, size_of
from predictor.prepare import Preparer, build_preparer
from predictor.protocol.v2 import decode_infer
from predictor.tokenizer import Tokenizer


@dataclass(frozen=True, slots=True)
class TextSide:
    """What is read while the engine loads."""

    tokenizer: Tokenizer
    defaults: GenerationDefaults
    operator: OperatorDefaults | None


def load_text_side(model_dir: Path, defaults_dir: str | None) -> TextSide:
    """Read it; raises SettingRefused for the operator's files, ModelRefused for the others."""
    operator = None
    if defaults_dir is not None:
        operator = parse_operator_defaults(take_snapshot(defaults_dir))
    return TextSide(Tokenizer(model_dir), load_generation_defaults(model_dir), operator)


class Preparation:
    """Takes what a request needs of the defaults at its start: a reload changes none under way."""

    def __init__(self, text: TextSide, ready: Ready) -> None:
        """Raise ModelRefused or SettingRefused for what does not go with the model."""
        self._lanes = Lanes()
        self._preparer = build_preparer(text.tokenizer, text.defaults, ready)
        if text.operator is not None:
            self._preparer = self._preparer.with_operator(text.operator)

    @property
    def tokenizer(self) -> Tokenizer:
        return self._preparer.tokenizer

    @property
    def operator_files(self) -> Mapping[str, bytes]:
        """The operator's files that are in force, by name."""
        operator = self._preparer.operator
        return {} if operator is None else operator.snapshot.files

    async def reload(self, operator: OperatorDefaults) -> None:
        """Put these in force for requests to come; raises SettingRefused and changes nothing."""
        self._preparer = await asyncio.to_thread(self._preparer.with_operator, operator)

    async def prepare_infer(self, payload: InferRequest) -> list[PreparedRequest]:
        """Return the rows in tokens; raises InvalidRequest, naming the row at fault."""
        preparer = self._preparer
        columns = [tensor.data for tensor in payload.inputs]
        size = sum(map(size_of, columns))
        size += max(map(len, columns), default=0) * preparer.num_added_characters
        return await self._run(size, lambda: preparer.prepare_rows(decode_infer(payload)))

    async def prepare(self, request: GenerationRequest) -> PreparedRequest:
        """Return the request in tokens; raises InvalidRequest."""
        return await self._prepare(request, self._preparer)

    async def prepare_each(
        self, requests: Iterable[GenerationRequest]
    ) -> AsyncGenerator[PreparedRequest, None]:
        """Yield each in tokens, all by the same defaults; raises InvalidRequest."""
        preparer = self._preparer
        for request in requests:
            yield await self._prepare(request, preparer)

    async def _prepare(self, request: GenerationRequest, preparer: Preparer) -> PreparedRequest:
        size = size_of([m.content for m in request.messages]) + preparer.num_added_characters
        (prepared,) = await self._run(size, lambda: [preparer.prepare(request)])
        return prepared

    async def _run(
        self, size: int, work: Callable[[], list[PreparedRequest]]
    ) -> list[PreparedRequest]:
        arrived_at_s = asyncio.get_running_loop().time()
        rows = await self._lanes.run(size, work)
        return [replace(row, arrived_at_s=arrived_at_s) for row in rows]
