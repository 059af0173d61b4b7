"""A bearer token (RFC 6750) in a file that a kubelet or an issuer renews."""

import re
from collections import deque
from pathlib import Path
from typing import Final

from loadtest.errors import UsageError

# Between two looks at the file.
_LOOK_NS: Final = 1_000_000_000
# Answers to requests with an earlier token may be under way.
_NUM_KEPT: Final = 8
# RFC 6750, section 2.1: b64token.
_TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class BearerToken:
    """Holds the token as last read."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._value = ""
        # Each that has been sent of late.
        self.tokens: deque[str] = deque(maxlen=_NUM_KEPT)
        self._modified_ns = -1
        self._look_again_ns = 0

    def authorization(self, now_ns: int) -> str:
        """Return the Authorization header's value at a time of CLOCK_MONOTONIC.

        A file that has changed is read again within a second. Raises UsageError where there has
        been no token yet; a renewal that is half written or missing leaves the token as it was.
        """
        if now_ns >= self._look_again_ns:
            self._look_again_ns = now_ns + _LOOK_NS
            try:
                self._read()
            except UsageError:
                if not self._value:
                    raise
        return self._value

    def _read(self) -> None:
        try:
            modified_ns = self._path.stat().st_mtime_ns
            if modified_ns == self._modified_ns:
                return
            token = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not ASCII"
            raise UsageError(f"bearer_token_file {self._path} cannot be read: {reason}") from None
        if not _TOKEN.fullmatch(token):
            raise UsageError(
                f"bearer_token_file {self._path} holds no token of letters, digits and -._~+/"
            )
        self._value = f"Bearer {token}"
        self.tokens.append(token)
        self._modified_ns = modified_ns
