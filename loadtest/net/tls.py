"""TLS as the run asks for it; every file is read and checked before any connection."""

import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from loadtest.config import RunConfig
from loadtest.errors import UsageError

Wrap = Callable[[socket.socket], ssl.SSLSocket]


def make_tls(config: RunConfig, alpn: tuple[str, ...]) -> Wrap | None:
    """Return what begins TLS on a connected socket; None where the target has no TLS.

    Raises UsageError that names the setting, the file and what is wrong with it.
    """
    target = urlsplit(config.target)
    if target.scheme not in ("https", "grpcs"):
        _refuse_settings(config)
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(alpn))
    _load_authorities(context, config.ca_file)
    _load_client(context, config.client_cert, config.client_key)
    server_name = config.server_name or target.hostname

    def wrap(sock: socket.socket) -> ssl.SSLSocket:
        return context.wrap_socket(sock, server_hostname=server_name, do_handshake_on_connect=False)

    return wrap


def _refuse_settings(config: RunConfig) -> None:
    for name in ("ca_file", "client_cert", "client_key", "server_name"):
        if getattr(config, name) is not None:
            raise UsageError(
                f"{name} is given, must be left out without TLS: the target is "
                f"{config.target!r}, not https:// or grpcs://"
            )


def _load_authorities(context: ssl.SSLContext, path: Path | None) -> None:
    if path is None:
        context.load_default_certs()
        return
    text = _read("ca_file", path)
    try:
        context.load_verify_locations(cadata=text)
    except (ssl.SSLError, ValueError):
        raise UsageError(f"ca_file {path} holds no PEM certificate") from None


def _load_client(context: ssl.SSLContext, cert: Path | None, key: Path | None) -> None:
    if cert is None and key is None:
        return
    if cert is None:
        raise UsageError(f"client_key is {key}, but client_cert is missing")
    if "-----BEGIN CERTIFICATE-----" not in _read("client_cert", cert):
        raise UsageError(f"client_cert {cert} holds no PEM certificate")
    name = "client_cert" if key is None else "client_key"
    where = key or cert
    if "PRIVATE KEY-----" not in _read(name, where):
        raise UsageError(f"{name} {where} holds no PEM private key")

    def refuse_password() -> str:
        raise UsageError(f"{name} {where} is encrypted, must be a plain PEM key")

    try:
        context.load_cert_chain(cert, where, refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise UsageError(f"{name} {where} is not the key of client_cert {cert}") from None
        raise UsageError(f"client_cert {cert} or {name} {where} is damaged PEM") from None


def _read(name: str, path: Path) -> str:
    try:
        # Bundles have comments around the PEM, in any encoding.
        return path.read_text(encoding="ascii", errors="ignore")
    except OSError as error:
        raise UsageError(f"{name} {path} cannot be read: {error.strerror}") from None
