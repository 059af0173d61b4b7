"""r1-predictor: serve a model over the Open Inference protocol.

Each flag may also come from the environment: ``--model-dir`` as ``R1_MODEL_DIR``.
"""

import inspect
import json
import logging
import os
import signal
import sys
from functools import partial
from typing import Annotated, Any

import typer

from predictor import flags
from predictor.config import Addresses, EngineConfig, Limits, ServerConfig, resolve_model_dir
from predictor.engine.client import EngineClient
from predictor.engine.faults import parse_faults
from predictor.errors import PredictorError

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

ModelDir = Annotated[
    str, typer.Option(help="Checkpoint directory, or demo for the embedded model.")
]


def serve(*, model_dir: ModelDir = "/mnt/models", **settings: Any) -> None:
    """Serve one model over REST and gRPC until SIGINT or SIGTERM.

    Each flag may come from the environment instead: --model-dir as R1_MODEL_DIR.
    """
    try:
        path = resolve_model_dir(model_dir)
        # For tests and demonstrations alone, so no flag: nobody sets it by mistake.
        faults = parse_faults(os.environ.get("R1_FAULTS", "{}"))
        engine_config = flags.build(EngineConfig, settings, model_dir=path, faults=faults)
        server_config = flags.build(
            ServerConfig,
            settings,
            model_dir=path,
            limits=flags.build(Limits, settings),
            # Knative's name for the revision that this pod belongs to.
            revision=os.environ.get("K_REVISION", ""),
        )
        run(server_config, engine_config)
    except PredictorError as error:
        sys.exit(f"r1-predictor: {error}")


def _with_flags(command: Any) -> Any:
    """Return the command with a flag for every setting in place of its ``**settings``."""
    named, _ = inspect.signature(command).parameters.values()
    rest = flags.parameters([ServerConfig, EngineConfig, Limits])
    command.__signature__ = inspect.Signature([named, *rest], return_annotation=None)
    return command


cli.command(context_settings={"auto_envvar_prefix": "R1"})(_with_flags(serve))


def run(server_config: ServerConfig, engine_config: EngineConfig) -> None:
    """Serve until a signal; raises ModelRefused or SettingRefused where that cannot be."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Requests are logged by ``server.observe``, without the path: it is the client's text.
    logging.getLogger("uvicorn.access").propagate = False
    # It spells the metadata of clients that it cannot decode, each with a traceback.
    logging.getLogger("grpc._cython.cygrpc").setLevel(logging.CRITICAL)
    # With a handler of its own kserve leaves logging alone; it says the same things twice.
    logging.getLogger("kserve").addHandler(logging.NullHandler())
    logging.getLogger("kserve").setLevel(logging.WARNING)
    # The first process of a container gets no signal that it does not handle, and the server
    # handles it only once it runs.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    # The engine process imports torch while this one imports kserve and transformers.
    client = EngineClient(engine_config)
    # kserve parses argv when it is imported, and would take prefixes of its flags for them.
    del sys.argv[1:]
    try:
        from prometheus_client import REGISTRY, disable_created_metrics

        from predictor.metrics import EngineCollector, Metrics
        from predictor.model import LanguageModel
        from predictor.server.lifecycle import PredictorServer

        # A second series for each counter, which nobody reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        metrics = Metrics(REGISTRY)
        REGISTRY.register(EngineCollector(client))
        model = LanguageModel(
            server_config, client, metrics, max_num_seqs=engine_config.max_num_seqs
        )
        on_ready = partial(announce, server_config)
        PredictorServer(server_config, model, metrics, on_ready).start([model])
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
  curl -s {url}/infer --json '{json.dumps({"inputs": [tensor]})}'
  curl -sN {url}/generate_stream --json '{json.dumps({"text_input": question})}'""",
        flush=True,
    )


if __name__ == "__main__":
    cli()
