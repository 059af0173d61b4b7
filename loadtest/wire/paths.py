"""Where a protocol's requests go."""

from typing import Final
from urllib.parse import quote

from loadtest.config import RunConfig
from loadtest.errors import UsageError

_ALLOWED: Final = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,;=:@/%"
)


def path_prefix(config: RunConfig) -> str:
    """Return what stands before the protocol's own paths, such as '/openai', or ''.

    Raises UsageError for one that is no absolute path (RFC 3986, section 3.3).
    """
    if config.path_prefix is None:
        return "/openai" if config.protocol.startswith("openai-") else ""
    prefix = config.path_prefix.rstrip("/")
    if config.protocol.is_grpc and prefix:
        raise UsageError(
            f"path_prefix is {config.path_prefix!r}, must be left out with {config.protocol}: "
            "gRPC's paths are fixed"
        )
    if prefix and (not prefix.startswith("/") or prefix.startswith("//")):
        raise UsageError(f"path_prefix is {config.path_prefix!r}, must begin with one slash")
    if not _ALLOWED.issuperset(prefix):
        raise UsageError(
            f"path_prefix is {config.path_prefix!r}, must be a path without query, spaces or "
            "other characters that a URL spells with %"
        )
    return prefix


def model_path(config: RunConfig, verb: str) -> str:
    """Return the V2 path of the model's infer, generate, generate_stream or ready."""
    return f"{path_prefix(config)}/v2/models/{quote(config.model, safe='')}/{verb}"
