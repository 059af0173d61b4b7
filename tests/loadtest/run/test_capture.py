import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from loadtest.errors import TargetError, UsageError
from loadtest.run.capture import MAX_BYTES, Scraper
from tests.loadtest.net.certificates import Authority
from tests.predictor.server.conftest import Predictor


class Page(BaseHTTPRequestHandler):
    server: "Server"

    def do_GET(self) -> None:
        server = self.server
        number = server.count()
        server.paths.append(self.path)
        body = server.make_page(number)
        self.send_response(server.statuses.get(number, HTTPStatus.OK))
        self.send_header("Content-Length", str(len(body) + server.num_missing_bytes))
        self.end_headers()
        with suppress(ConnectionError):
            self.wfile.write(body)
            # A byte now and then, for as long as the reader wants to wait.
            while server.drip_s and not server.is_over.wait(server.drip_s):
                self.wfile.write(b"#")

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    """A page that is another one each time; ``statuses`` by how often it was asked before."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.make_page: Callable[[int], bytes] = numbered
        self.statuses: dict[int, int] = {}
        self.num_missing_bytes = 0
        self.drip_s = 0.0
        self.is_over = threading.Event()
        self.num_asked = 0
        self.paths: list[str] = []
        self._changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/metrics"

    def count(self) -> int:
        """How often it was asked before."""
        with self._changed:
            self.num_asked += 1
            self._changed.notify_all()
            return self.num_asked - 1

    def await_asked(self, times: int) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.num_asked >= times, timeout=10)


def numbered(number: int) -> bytes:
    return f"# TYPE r1_scrapes_total counter\nr1_scrapes_total {number}\n".encode()


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.is_over.set()
        server.shutdown()
        thread.join()


def test_a_page_is_read_before_the_run_during_it_and_at_its_end(server: Server) -> None:
    with Scraper([server.url], interval_s=0.01) as scraper:
        assert server.num_asked == 1
        scraper.start(time.monotonic_ns())
        server.await_asked(4)
        [capture] = scraper.stop()

    assert capture.num_scrapes == server.num_asked >= 5
    assert capture.series[0].values == list(range(server.num_asked))
    assert capture.series[0].increase == server.num_asked - 1
    assert capture.series[0].at_s[0] < 0 < capture.series[0].at_s[-1]
    assert capture.failures == {}


def test_scrapes_that_fail_are_counted_by_reason_and_the_others_kept(server: Server) -> None:
    server.statuses = {1: HTTPStatus.SERVICE_UNAVAILABLE, 2: HTTPStatus.SERVICE_UNAVAILABLE}

    with Scraper([server.url], interval_s=0.01) as scraper:
        scraper.start(time.monotonic_ns())
        server.await_asked(4)
        [capture] = scraper.stop()

    assert capture.failures == {"answered with status 503": 2}
    assert capture.series[0].values == [0, *range(3, server.num_asked)]


def test_a_run_of_one_interval_has_its_first_and_its_last_scrape(server: Server) -> None:
    with Scraper([server.url], interval_s=3600) as scraper:
        scraper.start(time.monotonic_ns())
        server.await_asked(2)
        [capture] = scraper.stop()

    assert capture.series[0].values == [0, 1, 2]


def test_reading_ends_with_a_run_that_fails(server: Server) -> None:
    def fail() -> None:
        with Scraper([server.url], interval_s=3600) as scraper:
            scraper.start(time.monotonic_ns())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()

    assert [thread.name for thread in threading.enumerate() if thread.name == "scraper"] == []


def test_the_query_of_a_pages_url_is_sent_and_not_shown(server: Server) -> None:
    with Scraper([f"{server.url}?key=hush"], interval_s=3600) as scraper:
        scraper.start(0)
        (capture,) = scraper.stop()
    assert capture.url == f"{server.url}?…"
    assert set(server.paths) == {"/metrics?key=hush"}


def test_the_query_of_a_page_that_fails_is_not_shown(server: Server) -> None:
    server.statuses = {0: HTTPStatus.NOT_FOUND}
    with pytest.raises(TargetError, match="status 404") as caught:
        Scraper([f"{server.url}?key=hush"]).check()
    assert "hush" not in str(caught.value)


def test_a_page_named_twice_is_read_once(server: Server) -> None:
    with Scraper([server.url, server.url], interval_s=3600) as scraper:
        scraper.start(time.monotonic_ns())
        assert len(scraper.stop()) == 1


def test_a_page_that_is_not_found_is_told_before_the_run(server: Server) -> None:
    server.statuses = {0: HTTPStatus.NOT_FOUND}

    with pytest.raises(TargetError, match=f"metrics page {server.url} answered with status 404"):
        Scraper([server.url]).check()


def test_a_page_that_is_none_is_told_before_the_run_without_its_text(server: Server) -> None:
    server.make_page = lambda _: b"secret words\n"

    with pytest.raises(TargetError) as caught:
        Scraper([server.url]).check()

    expected = f"metrics page {server.url} is no metrics page in Prometheus' text format"
    assert str(caught.value) == expected


def test_a_page_cut_short_is_not_taken_for_a_smaller_count(server: Server) -> None:
    server.num_missing_bytes = 5

    with pytest.raises(TargetError, match="was cut short"):
        Scraper([server.url]).check()


SLOW = {
    "drips": (0.02, r"took longer than 0\.1 s"),
    "stands still": (3600.0, "cannot be reached: timed out"),
}


@pytest.mark.timing
@pytest.mark.parametrize(("drip_s", "message"), SLOW.values(), ids=SLOW)
def test_a_page_without_end_is_given_up_in_time(
    server: Server, drip_s: float, message: str
) -> None:
    server.drip_s, server.num_missing_bytes = drip_s, 10_000

    with pytest.raises(TargetError, match=message):
        Scraper([server.url], timeout_s=0.1).check()


def test_a_page_without_bound_is_given_up(server: Server) -> None:
    server.make_page = lambda _: bytes(MAX_BYTES + 1)

    with pytest.raises(TargetError, match=f"is longer than {MAX_BYTES} bytes"):
        Scraper([server.url]).check()


def test_a_server_that_is_not_there_is_told_before_the_run() -> None:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]

    with pytest.raises(TargetError, match=f"127.0.0.1:{port}/metrics cannot be reached: Conn"):
        Scraper([f"http://127.0.0.1:{port}/metrics"]).check()


def test_a_server_without_tls_is_told_before_the_run(server: Server) -> None:
    url = server.url.replace("http:", "https:")

    with pytest.raises(TargetError, match=f"metrics page {url} cannot be reached: TLS failed"):
        Scraper([url], trust=ssl.create_default_context()).check()


def test_a_page_behind_tls_is_read_where_its_authority_is_trusted(
    server: Server, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    server.socket = authority.server().wrap_socket(server.socket, server_side=True)
    url = server.url.replace("http:", "https:")

    Scraper([url], trust=ssl.create_default_context(cafile=authority.path)).check()

    assert server.num_asked == 1
    with pytest.raises(TargetError, match="cannot be reached: its certificate is not trusted"):
        Scraper([url]).check()


def test_the_predictors_own_page_is_captured(predictor: Predictor) -> None:
    with Scraper([f"{predictor.url}/metrics"]) as scraper:
        scraper.start(time.monotonic_ns())
        [capture] = scraper.stop()

    names = {series.name for series in capture.series}
    assert capture.failures == {}
    assert names >= {
        "r1_requests_total",
        "gen_ai_server_time_to_first_token_seconds_sum",
        "gen_ai_server_time_to_first_token_seconds_count",
    }


def test_proxies_of_the_environment_are_not_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)

    Scraper([server.url]).check()

    assert server.num_asked == 1


BAD = {
    "no scheme": ("127.0.0.1:9091", "metrics_url is '127.0.0.1:9091', must be http:// or https://"),
    "no host": ("http:///metrics", "must be http:// or https:// with a host"),
    "no port": ("http://127.0.0.1:x/metrics", "must be http:// or https:// with a host"),
    "user": ("http://me:secret@127.0.0.1/", "metrics_url of 127.0.0.1 has a user, must have none"),
}


@pytest.mark.parametrize(("url", "message"), BAD.values(), ids=BAD)
def test_what_is_no_url_is_refused(url: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Scraper([url])
