"""Where one revision is asked: its tag host, in the mesh or behind a gateway."""

import re
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from canary.errors import InputError

# What every client and server takes in a field's value (RFC 9110, 5.5).
_VALUE: Final = r"[!-~](?:[\t -~]*[!-~])?"
_HEADER: Final = re.compile(rf"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*({_VALUE})[\t ]*")
# After a blank or nothing: elsewhere @/ is a value's own.
_FILE: Final = re.compile(r"((?:.*[\t ])?)@(/.+)")


@dataclass(frozen=True, slots=True)
class Target:
    """``host`` goes into Host and the TLS handshake where the URL is a gateway's.

    A header's value that ends in @/a/file ends in what that file holds at each request.
    """

    url: str
    host: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None

    def read_headers(self) -> dict[str, str]:
        """Return the headers as they are now; InputError where a file cannot be sent."""
        return {name: _with_file(value) for name, value in self.headers.items()}


@dataclass(frozen=True, slots=True)
class Gateway:
    """How the tag hosts are reached; without a URL by the mesh's own Services."""

    url: str | None = None
    domain: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    ca_file: str | None = None

    @classmethod
    def make(
        cls, url: str | None, domain: str | None, headers: Sequence[str], ca_file: Path | None
    ) -> Self:
        """Return it as the flags say; raises InputError, and reads no file."""
        if (url is None) != (domain is None):
            raise InputError("--gateway-url and --domain go together, and one is missing")
        if url is not None and not re.fullmatch(r"https?://[^/\s?#@]+/?", url):
            raise InputError(f"--gateway-url is {url}, must be such as https://gateway.example.com")
        if ca_file is not None and (url is None or not url.startswith("https:")):
            raise InputError("--ca needs a --gateway-url of https")
        ca = None if ca_file is None else str(ca_file)
        return cls(url, domain, dict(map(parse_header, headers)), ca)

    def check(self) -> None:
        """Raise InputError where a file cannot be read, before the new template is live."""
        trust(self.ca_file)
        for value in self.headers.values():
            _with_file(value)

    def targets(self, service: str, namespace: str) -> tuple[Target, Target]:
        """Return where the canary and the stable revision are asked, in this order.

        KServe tags the newest revision ``latest`` and the one rolled out last ``prev``.
        """
        return (
            self._target(f"latest-{service}-predictor.{namespace}"),
            self._target(f"prev-{service}-predictor.{namespace}"),
        )

    def _target(self, host: str) -> Target:
        if self.url is None:
            return Target(f"http://{host}", None, self.headers)
        return Target(self.url.rstrip("/"), f"{host}.{self.domain}", self.headers, self.ca_file)


def parse_header(text: str) -> tuple[str, str]:
    """Return name and value as they are given; raises InputError."""
    found = _HEADER.fullmatch(text)
    if found is None:
        # Its value may be a secret.
        raise InputError(
            "--header must be of the form 'Name: value' in printable ASCII, one of them is not"
        )
    name, value = found.groups()
    if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
        raise InputError(f"--header names {name}, which is set here")
    return name, value


def file_in(value: str) -> Path | None:
    """Return the file whose line ends a header's value; None where the value is whole."""
    found = _FILE.fullmatch(value)
    return None if found is None else Path(found.group(2))


def trust(ca_file: str | None) -> ssl.SSLContext | bool:
    """Return what a server's certificate is checked by; raises InputError."""
    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:
        reason = error.strerror or "holds no certificate"
        raise InputError(f"--ca is {ca_file}: {reason}") from None


def _with_file(value: str) -> str:
    found = _FILE.fullmatch(value)
    return value if found is None else found.group(1) + _read_line(Path(found.group(2)))


def _read_line(path: Path) -> str:
    """Return a file's one line; InputError tells nothing of what it holds."""
    try:
        line = path.read_bytes().strip().decode("latin-1")
    except OSError as error:
        raise InputError(f"--header reads {path}: {error.strerror}") from None
    if re.fullmatch(_VALUE, line) is None:
        why = "it is not" if line else "it is empty"
        raise InputError(f"--header reads {path}, must be one line of printable ASCII: {why}")
    return line
