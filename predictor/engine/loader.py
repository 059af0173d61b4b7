"""EngineConfig -> an engine that has run once."""

import logging
import time
from typing import Final

import torch

from predictor.config import EngineConfig
from predictor.engine.block_manager import BlockManager
from predictor.engine.causal_lm import CausalLM
from predictor.engine.cpus import num_cpus
from predictor.engine.engine import Engine
from predictor.engine.fault_injection import inject_into_steps, inject_into_weights
from predictor.engine.kv_cache import KVCache
from predictor.engine.messages import Ready
from predictor.engine.model_config import ModelConfig, load_model_config
from predictor.engine.model_runner import ModelRunner
from predictor.engine.packing import pack
from predictor.engine.scheduler import Scheduler
from predictor.engine.sequence import SamplingParams, Sequence
from predictor.engine.speculation import PromptLookup
from predictor.engine.weights import load_causal_lm
from predictor.errors import SettingRefused

logger = logging.getLogger(__name__)

# What activations and the sampler may need beside weights and cache.
CUDA_CACHE_RATIO: Final = 0.9
CPU_CACHE_BYTES: Final = 2**30

# At 256 a second thread took a step to 0.94 of the speed with 1 sequence and 1.17 with 16 (medians
# of 5 paired runs on 2 cores), and it spins for a core that other work holds.
SINGLE_THREAD_HIDDEN_SIZE: Final = 256


def load_engine(config: EngineConfig) -> tuple[Engine, Ready]:
    """Load the model, size its cache and run one short sequence through it.

    Raises ModelRefused where the directory cannot be served and SettingRefused where the machine
    cannot follow the configuration.
    """
    model_config = load_model_config(config.model_dir)
    torch.set_num_threads(config.num_threads or _num_threads(model_config))
    device = _device(config)
    dtype = _dtype(config, model_config, device)
    model = load_causal_lm(config.model_dir, model_config, device, dtype)
    inject_into_weights(model, config.faults)
    pack(model)
    num_blocks = _num_blocks(config, model_config, device, dtype)
    kv_cache = _allocate_cache(config, model_config, num_blocks, model)
    scheduler = Scheduler(
        BlockManager(num_blocks, config.block_size, prefix_cache=config.prefix_cache),
        max_num_seqs=config.max_num_seqs,
        max_num_batched_tokens=config.max_num_batched_tokens,
        lookup=_lookup(config),
    )
    run = ModelRunner(model, kv_cache).run
    _warm_up(Engine(scheduler, run, time.monotonic))
    faulty_run = inject_into_steps(run, config.faults, time.sleep)
    if faults := config.faults.describe():
        logger.warning("FAULTS ARE ON, this engine fails on purpose: %s", faults)
    ready = Ready(
        vocab_size=model_config.vocab_size,
        max_model_len=_max_model_len(config, model_config, num_blocks),
        eos_token_ids=model_config.eos_token_ids,
        device=str(device),
        dtype=str(dtype).removeprefix("torch."),
        num_blocks=num_blocks,
    )
    return Engine(scheduler, faulty_run, time.monotonic), ready


def _lookup(config: EngineConfig) -> PromptLookup | None:
    """Return None where it is off, or a fault takes a step for a token of each sequence."""
    has_slow_steps = config.faults.stall_s or config.faults.step_delay_s
    return PromptLookup() if config.prompt_lookup and not has_slow_steps else None


def _num_threads(model: ModelConfig) -> int:
    """Return one a CPU, or one alone where a second gains next to nothing."""
    return 1 if model.hidden_size <= SINGLE_THREAD_HIDDEN_SIZE else num_cpus()


def _device(config: EngineConfig) -> torch.device:
    if config.device == "cuda" and not torch.cuda.is_available():
        raise SettingRefused("device is cuda, but torch finds no CUDA device; allowed here: cpu")
    if config.device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return torch.device(config.device)


def _dtype(config: EngineConfig, model: ModelConfig, device: torch.device) -> torch.dtype:
    name = config.dtype
    if name == "auto":
        name = "float32" if device.type == "cpu" else model.dtype
    dtype = getattr(torch, name)
    assert isinstance(dtype, torch.dtype)
    return dtype


def _num_blocks(
    config: EngineConfig, model: ModelConfig, device: torch.device, dtype: torch.dtype
) -> int:
    """Return how many blocks the memory holds, but no more than ``max_num_seqs`` can own."""
    num_bytes = config.kv_cache_bytes
    if num_bytes is None and device.type == "cuda":
        num_bytes = int(torch.cuda.mem_get_info(device)[0] * CUDA_CACHE_RATIO)
    elif num_bytes is None:
        num_bytes = CPU_CACHE_BYTES
    block_bytes = KVCache.bytes_per_block(model, block_size=config.block_size, dtype=dtype)
    num_blocks = num_bytes // block_bytes
    if num_blocks < 1:
        raise SettingRefused(
            f"kv_cache_bytes is {num_bytes}, must be at least {block_bytes}, one block"
        )
    max_len = config.max_model_len or model.max_context_len
    return min(num_blocks, config.max_num_seqs * -(-max_len // config.block_size))


def _allocate_cache(
    config: EngineConfig, model_config: ModelConfig, num_blocks: int, model: CausalLM
) -> KVCache:
    try:
        return KVCache(
            model_config,
            num_blocks=num_blocks,
            block_size=config.block_size,
            device=model.device,
            dtype=model.dtype,
        )
    except RuntimeError as error:  # torch's only name for it on CPU
        raise SettingRefused(
            f"kv_cache_bytes is {config.kv_cache_bytes}, but {model.device} cannot hold a cache of "
            f"{num_blocks} blocks of {config.block_size} tokens"
        ) from error


def _max_model_len(config: EngineConfig, model: ModelConfig, num_blocks: int) -> int:
    """Return the longest sequence; one that fills the cache alone must fit."""
    capacity = num_blocks * config.block_size
    limit = min(model.max_context_len, capacity)
    asked = config.max_model_len
    if asked is None:
        return limit
    if asked > limit:
        raise SettingRefused(
            f"max_model_len is {asked}, must be at most {limit}: the model has "
            f"{model.max_context_len} positions and the KV cache holds {capacity} tokens"
        )
    return asked


def _warm_up(engine: Engine) -> None:
    engine.add(Sequence(-1, [0], SamplingParams(max_tokens=2, seed=0)))
    while engine.has_work:
        engine.step()
