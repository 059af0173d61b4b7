"""transformers' ``generate``: requests in batches of their concurrency, padded to the longest."""

import time

import torch
from transformers import Qwen2ForCausalLM
from transformers.generation.streamers import BaseStreamer

from tests.predictor.bench.contenders.wire import RunLoad, serve
from tests.predictor.bench.load import Answer, Load, Measured, Request

PAD_ID = 0


def load_model(directory: str, dtype: str, num_threads: int) -> RunLoad:
    torch.set_num_threads(num_threads)
    model = Qwen2ForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype))
    return lambda load: _run(model, load)


def _run(model: Qwen2ForCausalLM, load: Load) -> Measured:
    started_s = time.perf_counter()
    starts = range(0, len(load.requests), load.concurrency)
    batches = [load.requests[start : start + load.concurrency] for start in starts]
    answers = [answer for batch in batches for answer in _generate(model, batch)]
    return Measured(time.perf_counter() - started_s, answers)


def _generate(model: Qwen2ForCausalLM, batch: list[Request]) -> list[Answer]:
    longest = max(len(request.prompt_ids) for request in batch)
    padded = [[PAD_ID] * (longest - len(r.prompt_ids)) + r.prompt_ids for r in batch]
    mask = [[0] * (longest - len(r.prompt_ids)) + [1] * len(r.prompt_ids) for r in batch]
    times = _Times()
    outputs = model.generate(
        torch.tensor(padded),
        attention_mask=torch.tensor(mask),
        do_sample=False,
        max_new_tokens=max(request.num_tokens for request in batch),
        eos_token_id=-1,
        pad_token_id=PAD_ID,
        streamer=times,
    )
    return [
        Answer(output[longest:][:n].tolist(), times.times_s[:n])
        for output, n in zip(outputs, (request.num_tokens for request in batch), strict=True)
    ]


class _Times(BaseStreamer):
    """When each step's tokens came; the prompts come first and are left out."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()
        self._has_prompts = False
        self.times_s: list[float] = []

    def put(self, value: torch.Tensor) -> None:
        if self._has_prompts:
            self.times_s.append(time.perf_counter() - self._started_s)
        self._has_prompts = True

    def end(self) -> None:
        pass


if __name__ == "__main__":
    serve(load_model)
