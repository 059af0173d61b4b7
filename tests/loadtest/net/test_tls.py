"""TLS to the target: who is trusted, who is shown, and which files are refused."""

import ssl
from pathlib import Path
from typing import Any

import pytest

from loadtest.config import RunConfig
from loadtest.errors import UsageError
from loadtest.net.tls import make_tls
from loadtest.record import Outcome
from tests.loadtest.net.certificates import Authority
from tests.loadtest.net.driving import a_prompt, ask, session
from tests.loadtest.net.raw_server import (
    EVENT,
    LAST,
    STREAM,
    STREAM_HEAD,
    Peer,
    chunk,
    say,
    serving,
)


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"))


def test_a_server_of_a_trusted_authority_is_asked_and_its_connection_kept(
    authority: Authority,
) -> None:
    with (
        serving(say(STREAM), authority.server()) as address,
        session(f"https://{address}", ca_file=authority.path) as opened,
    ):
        first, second = opened.ask(a_prompt()), opened.ask(a_prompt())
    assert (first.outcome, second.outcome) == (Outcome.OK, Outcome.OK), first.detail
    assert second.is_reused


def test_comments_in_a_bundle_do_not_matter(authority: Authority, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"# Autorité de certification\n{authority.path.read_text()}")
    with serving(say(STREAM), authority.server()) as address:
        exchange = ask(f"https://{address}", ca_file=bundle)
    assert exchange.outcome is Outcome.OK, exchange.detail


def test_an_answer_of_many_records_is_read_whole(authority: Authority) -> None:
    body = STREAM_HEAD + chunk(EVENT * 10_000) + chunk(LAST) + chunk(b"")
    with serving(say(body), authority.server()) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path)
    assert exchange.outcome is Outcome.OK, exchange.detail
    assert exchange.num_chunks == 10_001


def test_a_server_of_another_authority_is_sent_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    stranger = Authority(tmp_path, "stranger")
    with serving(say(STREAM), stranger.server()) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path)
    assert exchange.outcome is Outcome.TLS_FAILED
    assert exchange.detail == "unable to get local issuer certificate"
    assert exchange.sent == -1


def test_a_server_of_another_name_is_refused(authority: Authority) -> None:
    with serving(say(STREAM), authority.server("other")) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path)
    assert exchange.outcome is Outcome.TLS_FAILED
    assert "IP address mismatch" in exchange.detail


def test_server_name_says_whom_to_expect(authority: Authority) -> None:
    with serving(say(STREAM), authority.server("other")) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path, server_name="other.test")
    assert exchange.outcome is Outcome.OK, exchange.detail


def test_a_client_certificate_is_shown_where_the_server_asks(authority: Authority) -> None:
    cert, key = authority.issue("client")
    with serving(say(STREAM), authority.server(asks_client=True)) as address:
        exchange = ask(
            f"https://{address}", ca_file=authority.path, client_cert=cert, client_key=key
        )
    assert exchange.outcome is Outcome.OK, exchange.detail


def test_a_server_that_asks_in_vain_for_a_client_certificate_is_a_failure_of_tls(
    authority: Authority,
) -> None:
    context = authority.server(asks_client=True)
    # TLS 1.3 says it after the handshake, where the server's reset may overtake it.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with serving(say(STREAM), context) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path)
    assert exchange.outcome is Outcome.TLS_FAILED
    assert exchange.detail == "sslv3 alert handshake failure"


def test_in_tls_1_3_a_client_certificate_asked_in_vain_is_no_answer(authority: Authority) -> None:
    with serving(say(STREAM), authority.server(asks_client=True)) as address:
        exchange = ask(f"https://{address}", ca_file=authority.path)
    assert exchange.outcome in (Outcome.TLS_FAILED, Outcome.RESET)


def test_a_server_without_tls_is_a_failure_of_tls() -> None:
    with serving(lambda peer: peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as address:
        exchange = ask(f"https://{address}")
    assert exchange.outcome is Outcome.TLS_FAILED
    assert exchange.detail == "wrong version number"


def test_a_server_that_leaves_within_the_handshake_is_a_failure_of_tls() -> None:
    def handle(peer: Peer) -> None:
        peer.sock.recv(1)
        peer.reset()

    with serving(handle) as address:
        exchange = ask(f"https://{address}")
    assert exchange.outcome is Outcome.TLS_FAILED


@pytest.fixture(scope="module")
def files(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    directory = tmp_path_factory.mktemp("files")
    cert, key = authority.issue("client")
    other_key = authority.issue("another")[1]
    encrypted = Authority(directory, "locked").issue("locked", password=b"secret")
    text, damaged = directory / "text", directory / "damaged"
    text.write_text("hello")
    damaged.write_text(cert.read_text().replace("M", "N"))
    return {
        "cert": cert,
        "key": key,
        "other_key": other_key,
        "locked_cert": encrypted[0],
        "locked_key": encrypted[1],
        "text": text,
        "damaged": damaged,
        "missing": directory / "missing",
    }


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"ca_file": "missing"}, r"ca_file \S+/missing cannot be read", id="no-ca"),
        pytest.param({"ca_file": "text"}, r"ca_file \S+/text holds no PEM", id="ca-not-PEM"),
        pytest.param({"ca_file": "damaged"}, r"ca_file \S+ holds no PEM", id="ca-damaged"),
        pytest.param({"client_key": "key"}, "but client_cert is missing", id="key-alone"),
        pytest.param({"client_cert": "missing"}, "client_cert .* cannot be read", id="no-cert"),
        pytest.param(
            {"client_cert": "key", "client_key": "key"}, "holds no PEM certificate", id="swapped"
        ),
        pytest.param(
            {"client_cert": "cert"}, r"client_cert .* holds no PEM private key", id="cert-alone"
        ),
        pytest.param(
            {"client_cert": "cert", "client_key": "missing"},
            r"client_key \S+/missing cannot be read: No such file",
            id="no-key",
        ),
        pytest.param(
            {"client_cert": "cert", "client_key": "other_key"},
            r"client_key \S+another.key is not the key of client_cert \S+client.pem",
            id="not-its-key",
        ),
        pytest.param(
            {"client_cert": "locked_cert", "client_key": "locked_key"},
            r"client_key \S+locked.key is encrypted",
            id="encrypted",
        ),
        pytest.param(
            {"client_cert": "damaged", "client_key": "key"}, "damaged PEM", id="cert-damaged"
        ),
    ],
)
def test_a_file_that_cannot_serve_is_named(
    given: dict[str, str], message: str, files: dict[str, Path]
) -> None:
    settings: dict[str, Any] = {name: files[file] for name, file in given.items()}
    config = RunConfig(target="https://127.0.0.1", **settings)
    with pytest.raises(UsageError, match=message):
        make_tls(config, ("http/1.1",))


def test_settings_of_tls_are_refused_without_tls(files: dict[str, Path]) -> None:
    config = RunConfig(target="http://127.0.0.1", ca_file=files["cert"])
    with pytest.raises(UsageError, match="ca_file is given, must be left out without TLS"):
        make_tls(config, ("http/1.1",))
