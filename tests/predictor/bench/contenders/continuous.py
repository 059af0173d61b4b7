"""transformers' own continuous batching, with as much cache as the engine beside it has."""

import itertools
import time

import torch
from transformers import GenerationConfig, Qwen2ForCausalLM
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching import ContinuousBatchingManager

from tests.predictor.bench.contenders.wire import RunLoad, serve
from tests.predictor.bench.load import Answer, Load, Measured, Request

PAGE_SIZE = 256
NUM_BLOCKS = 128
NUM_BATCHED_TOKENS = 1024
TIMEOUT_S = 300


def load_model(directory: str, dtype: str, num_threads: int) -> RunLoad:
    torch.set_num_threads(num_threads)
    model = Qwen2ForCausalLM.from_pretrained(directory, dtype=getattr(torch, dtype))
    manager = model.init_continuous_batching(
        GenerationConfig(do_sample=False, eos_token_id=-1, pad_token_id=0),
        ContinuousBatchingConfig(
            page_size=PAGE_SIZE, num_blocks=NUM_BLOCKS, max_batch_tokens=NUM_BATCHED_TOKENS
        ),
    )
    manager.start()
    return lambda load: _run(manager, load)


def _run(manager: ContinuousBatchingManager, load: Load) -> Measured:
    answers: dict[str, Answer] = {}
    started_s: dict[str, float] = {}
    num_ended = 0
    waiting = iter(load.requests)
    load_started_s = time.perf_counter()
    for request in itertools.islice(waiting, load.concurrency):
        _send(manager, request, answers, started_s)
    while num_ended < len(load.requests):
        output = manager.get_result(timeout=TIMEOUT_S)
        if output is None or output.error is not None:
            raise RuntimeError(f"continuous batching failed: {output and output.error}")
        answer = answers[output.request_id]
        new_ids = output.generated_tokens[len(answer.token_ids) :]
        now_s = time.perf_counter() - started_s[output.request_id]
        answer.token_ids.extend(new_ids)
        answer.times_s.extend([now_s] * len(new_ids))
        if output.is_finished():
            num_ended += 1
            for request in itertools.islice(waiting, 1):
                _send(manager, request, answers, started_s)
    return Measured(time.perf_counter() - load_started_s, list(answers.values()))


def _send(
    manager: ContinuousBatchingManager,
    request: Request,
    answers: dict[str, Answer],
    started_s: dict[str, float],
) -> None:
    at_s = time.perf_counter()
    name = manager.add_request(
        request.prompt_ids, max_new_tokens=request.num_tokens, streaming=True
    )
    assert name is not None
    answers[name], started_s[name] = Answer([], []), at_s


if __name__ == "__main__":
    serve(load_model)
