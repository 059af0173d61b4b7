"""The metrics pages of the server and of GPU exporters, read beside the load."""

import http.client
import ssl
import threading
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self
from urllib.parse import SplitResult, urlsplit

from loadtest.errors import AnswerError, TargetError, UsageError
from loadtest.net.shown import shown_url
from loadtest.report.schema import Capture
from loadtest.run.metrics_page import MetricsPage, Sample, parse_page

INTERVAL_S: Final = 2.0
TIMEOUT_S: Final = 5.0
MAX_BYTES: Final = 16 << 20
HEADERS: Final = {"Accept": "text/plain;version=0.0.4", "User-Agent": "r1-loadtest"}


class Scraper:
    """Reads each page every ``interval_s`` in a thread of its own, from ``start`` to ``stop``.

    Entering reads each page once: that is what counters are compared with. It starts no thread, so
    processes may be forked until ``start``. ``trust`` is for https, the system's if None; proxies
    of the environment are not used and redirects not followed. Raises UsageError for what is no
    URL, and from entering TargetError where a page is out of reach or is no metrics page. Later
    failures are counted in the captures.
    """

    def __init__(
        self,
        urls: Sequence[str],
        interval_s: float = INTERVAL_S,
        timeout_s: float = TIMEOUT_S,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self._loops = [
            _Loop(_Source(url, timeout_s, trust), interval_s) for url in dict.fromkeys(urls)
        ]
        self._epoch_ns: int | None = None

    def __enter__(self) -> Self:
        self.check()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._halt()

    def check(self) -> None:
        """Read each page for the first time."""
        for loop in self._loops:
            loop.begin()

    def start(self, epoch_ns: int) -> None:
        """Go on reading; times are told since that one of CLOCK_MONOTONIC."""
        self._epoch_ns = epoch_ns
        for loop in self._loops:
            loop.thread.start()

    def stop(self) -> list[Capture]:
        """Read each page for the last time, and return what they said, in the order of the URLs."""
        assert self._epoch_ns is not None, "stopped before it was started"
        self._halt()
        for loop in self._loops:
            loop.scrape()
        return [loop.page.capture(self._epoch_ns) for loop in self._loops]

    def _halt(self) -> None:
        for loop in self._loops:
            loop.is_over.set()
        for loop in self._loops:
            if loop.thread.is_alive():
                loop.thread.join()


class _Loop:
    """One page, read again and again."""

    def __init__(self, source: "_Source", interval_s: float) -> None:
        self.page = MetricsPage(source.url)
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self._run, name="scraper", daemon=True)
        self._source = source
        self._interval_s = interval_s

    def begin(self) -> None:
        at_ns = time.monotonic_ns()
        try:
            self.page.add(at_ns, self._source.read())
        except AnswerError as error:
            raise TargetError(f"metrics page {self._source.url} {error}") from error

    def scrape(self) -> None:
        at_ns = time.monotonic_ns()
        try:
            self.page.add(at_ns, self._source.read())
        except AnswerError as error:
            self.page.fail(str(error))

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self.is_over.wait(max(due_s - time.monotonic(), 0.0)):
            self.scrape()
            # A scrape that took longer than the interval is not made up for.
            due_s = max(due_s + self._interval_s, time.monotonic())


class _Source:
    """One page's URL; connects anew each time, so that a restarted server is found."""

    def __init__(self, url: str, timeout_s: float, trust: ssl.SSLContext | None) -> None:
        # As it may be shown.
        self.url = shown_url(url)
        self._parts = _split(url)
        self._timeout_s = timeout_s
        self._trust = trust

    def read(self) -> list[Sample]:
        """Return what the page says; raises AnswerError, which does not name the page."""
        connection = self._connection()
        try:
            return parse_page(self._fetch(connection))
        except OSError as error:
            raise AnswerError(f"cannot be reached: {_reason(error)}") from error
        except http.client.HTTPException as error:
            raise AnswerError(f"gave no whole HTTP answer: {type(error).__name__}") from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname, self._parts.port
        assert host is not None
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout_s)
        trust = self._trust or ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=self._timeout_s, context=trust)

    def _fetch(self, connection: http.client.HTTPConnection) -> bytes:
        deadline_s = time.monotonic() + self._timeout_s
        path = self._parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("GET", path, headers=HEADERS)
        with connection.getresponse() as response:
            return self._read_body(response, deadline_s)

    def _read_body(self, response: http.client.HTTPResponse, deadline_s: float) -> bytes:
        if response.status != http.HTTPStatus.OK:
            raise AnswerError(f"answered with status {response.status}")
        body = bytearray()
        while piece := response.read1(65_536):
            body += piece
            if len(body) > MAX_BYTES:
                raise AnswerError(f"is longer than {MAX_BYTES} bytes")
            if time.monotonic() > deadline_s:
                raise AnswerError(f"took longer than {self._timeout_s:g} s")
        if response.length:
            raise AnswerError("was cut short")
        return bytes(body)


def _reason(error: OSError) -> str:
    match error:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted, {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed, {error.reason}"
        case _:
            return error.strerror or str(error)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_web = False
    if not is_web:
        shown = shown_url(url)
        raise UsageError(f"metrics_url is {shown!r}, must be http:// or https:// with a host")
    if parts.username is not None:
        # Not shown: a password may be in it.
        raise UsageError(f"metrics_url of {parts.hostname} has a user, must have none")
    return parts
