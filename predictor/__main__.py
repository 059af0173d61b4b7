"""r1-predictor: serve a model over the Open Inference protocol.

Each flag may also come from the environment: ``--model-dir`` as ``R1_MODEL_DIR``.
"""

import json
import logging
import sys
from functools import partial
from typing import Annotated

import typer

from predictor.config import (
    Addresses,
    Device,
    DType,
    EngineConfig,
    ServerConfig,
    resolve_model_dir,
)
from predictor.engine.client import EngineClient
from predictor.errors import PredictorError

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ModelDir = Annotated[
    str, typer.Option(help="Checkpoint directory, or demo for the embedded model.")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0: any free one.")]
Precision = Annotated[
    DType, typer.Option(help="auto: float32 on CPU, the checkpoint's own on CUDA.")
]
BlockSize = Annotated[int, typer.Option(min=1, help="Tokens in a block of the KV cache.")]
NumBatchedTokens = Annotated[
    int, typer.Option(min=1, help="Tokens in one step, prompts and decodes.")
]
ModelLen = Annotated[
    int, typer.Option(min=2, help="Prompt and completion tokens; unset: as the model allows.")
]
CacheBytes = Annotated[
    int, typer.Option(min=1, help="Unset: 1 GiB on CPU, 90 % of what is free on CUDA.")
]
NumThreads = Annotated[
    int, typer.Option(min=1, help="CPU threads; unset: one a core, 1 for a tiny model.")
]


@cli.command(context_settings={"auto_envvar_prefix": "R1"})
def serve(
    *,
    model_dir: ModelDir = "/mnt/models",
    model_name: Annotated[str, typer.Option(help="Name in every path.")] = "r1",
    model_version: Annotated[str, typer.Option(help="The one version served.")] = "1",
    host: Annotated[str, typer.Option(help="Bind address of both ports.")] = "127.0.0.1",
    http_port: Port = 8080,
    grpc_port: Port = 8081,
    device: Annotated[Device, typer.Option(help="auto: CUDA if there is one.")] = "auto",
    dtype: Precision = "auto",
    block_size: BlockSize = 16,
    max_num_seqs: Annotated[int, typer.Option(min=1, help="Sequences that run together.")] = 64,
    max_num_batched_tokens: NumBatchedTokens = 2048,
    max_model_len: ModelLen | None = None,
    kv_cache_bytes: CacheBytes | None = None,
    num_threads: NumThreads | None = None,
) -> None:
    """Serve one model over REST and gRPC until SIGINT or SIGTERM.

    Each flag may come from the environment instead: --model-dir as R1_MODEL_DIR.
    """
    try:
        path = resolve_model_dir(model_dir)
        engine_config = EngineConfig(
            model_dir=path,
            device=device,
            dtype=dtype,
            block_size=block_size,
            max_num_seqs=max_num_seqs,
            max_num_batched_tokens=max_num_batched_tokens,
            max_model_len=max_model_len,
            kv_cache_bytes=kv_cache_bytes,
            num_threads=num_threads,
        )
        server_config = ServerConfig(
            model_dir=path,
            model_name=model_name,
            model_version=model_version,
            host=host,
            http_port=http_port,
            grpc_port=grpc_port,
        )
        run(server_config, engine_config)
    except PredictorError as error:
        sys.exit(f"r1-predictor: {error}")


def run(server_config: ServerConfig, engine_config: EngineConfig) -> None:
    """Serve until a signal; raises ModelRefused or SettingRefused where that cannot be."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # With a handler of its own kserve leaves logging alone; it says the same things twice.
    logging.getLogger("kserve").addHandler(logging.NullHandler())
    logging.getLogger("kserve").setLevel(logging.WARNING)
    # The engine process imports torch while this one imports kserve and transformers.
    client = EngineClient(engine_config)
    # kserve parses argv when it is imported, and would take prefixes of its flags for them.
    del sys.argv[1:]
    try:
        from predictor.model import LanguageModel
        from predictor.server.lifecycle import PredictorServer

        model = LanguageModel(server_config, client)
        PredictorServer(server_config, model, partial(announce, server_config)).start([model])
    finally:
        client.close()


def announce(config: ServerConfig, addresses: Addresses) -> None:
    """Say where to ask, and how."""
    url = f"{addresses.http}/v2/models/{config.model_name}"
    question = "what is 128 + 367?"
    tensor = {"name": "text_input", "shape": [1], "datatype": "BYTES", "data": [question]}
    print(
        f"""{config.model_name} is ready
  REST  {addresses.http}
  gRPC  {addresses.grpc}
Ask it:
  curl -s {url}/infer -d '{json.dumps({"inputs": [tensor]})}'
  curl -sN {url}/generate_stream -d '{json.dumps({"text_input": question})}'""",
        flush=True,
    )


if __name__ == "__main__":
    cli()
