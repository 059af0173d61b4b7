"""The wire of each protocol."""

from loadtest.config import Protocol, RunConfig
from loadtest.wire.generate import GenerateStreamWire, GenerateWire
from loadtest.wire.grpc import make_grpc_wire
from loadtest.wire.openai import ChatWire, CompletionsWire
from loadtest.wire.part import Wire
from loadtest.wire.v2 import InferWire


def make_wire(config: RunConfig) -> Wire:
    """Return the protocol's wire; raises UsageError for settings that it cannot follow."""
    match config.protocol:
        case Protocol.V2_INFER:
            return InferWire(config)
        case Protocol.V2_GENERATE:
            return GenerateWire(config)
        case Protocol.V2_STREAM:
            return GenerateStreamWire(config)
        case Protocol.OPENAI_CHAT | Protocol.OPENAI_CHAT_STREAM:
            return ChatWire(config)
        case Protocol.OPENAI_COMPLETIONS | Protocol.OPENAI_COMPLETIONS_STREAM:
            return CompletionsWire(config)
        case Protocol.GRPC_INFER | Protocol.GRPC_STREAM:
            return make_grpc_wire(config)
