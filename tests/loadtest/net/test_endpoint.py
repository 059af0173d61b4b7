"""Where the target is: URLs, names, headers and tokens that are taken or refused."""

import os
import pickle
from pathlib import Path
from typing import Any

import pytest

from loadtest.config import RunConfig
from loadtest.errors import TargetError, UsageError
from loadtest.net.bearer import BearerToken
from loadtest.net.endpoint import make_endpoint

SECOND_NS = 1_000_000_000


@pytest.mark.parametrize(
    ("target", "protocol", "authority", "address"),
    [
        pytest.param(
            "http://127.0.0.1:8080", "v2-stream", "127.0.0.1:8080", ("127.0.0.1", 8080), id="http"
        ),
        pytest.param("http://127.0.0.1/", "v2-infer", "127.0.0.1", ("127.0.0.1", 80), id="port-80"),
        pytest.param(
            "https://127.0.0.1", "openai-chat", "127.0.0.1", ("127.0.0.1", 443), id="port-443"
        ),
        pytest.param("http://[::1]:81", "v2-infer", "[::1]:81", ("::1", 81), id="IPv6"),
        pytest.param(
            "grpc://127.0.0.1:9", "grpc-infer", "127.0.0.1:9", ("127.0.0.1", 9), id="grpc"
        ),
        pytest.param(
            "grpcs://127.0.0.1", "grpc-stream", "127.0.0.1", ("127.0.0.1", 443), id="grpcs"
        ),
    ],
)
def test_a_target_names_its_address(
    target: str, protocol: str, authority: str, address: tuple[str, int]
) -> None:
    endpoint = make_endpoint(RunConfig(target=target, protocol=protocol))
    assert endpoint.authority == authority
    assert endpoint.addresses == (address,)


@pytest.mark.parametrize(
    ("target", "settings", "message"),
    [
        pytest.param("127.0.0.1:80", {}, r"must be http://HOST\[:PORT\] or https", id="no-scheme"),
        pytest.param("ftp://127.0.0.1", {}, "must be http://", id="ftp"),
        pytest.param("http://", {}, "must be http://", id="no-host"),
        pytest.param("http://127.0.0.1:99999", {}, "out of range", id="port-out-of-range"),
        pytest.param("http://127.0.0.1:0", {}, "must be http://", id="port-0"),
        pytest.param("http://127.0.0.1/v2", {}, "path_prefix", id="path"),
        pytest.param("http://127.0.0.1?a=b", {}, "must be http://", id="query"),
        pytest.param("http://me:secret@127.0.0.1", {}, "target holds a user", id="password"),
        pytest.param("http://a b", {}, "no host name", id="space"),
        pytest.param(
            "grpc://127.0.0.1", {}, "must be http://.* with protocol v2-stream", id="grpc-for-v2"
        ),
        pytest.param(
            "http://127.0.0.1",
            {"protocol": "grpc-infer"},
            "must be grpc://.* with protocol grpc-infer",
            id="http-for-grpc",
        ),
        pytest.param("http://127.0.0.1", {"host": "a\r\nb"}, "host is 'a", id="host-with-CRLF"),
        pytest.param("http://127.0.0.1", {"path_prefix": "v9"}, "one slash", id="prefix-relative"),
        pytest.param("http://127.0.0.1", {"path_prefix": "/a b"}, "a path", id="prefix-space"),
        pytest.param(
            "grpc://127.0.0.1",
            {"protocol": "grpc-infer", "path_prefix": "/a"},
            "left out with grpc-infer",
            id="prefix-for-grpc",
        ),
        pytest.param("http://127.0.0.1", {"header": ("X",)}, "'Name: value'", id="no-colon"),
        pytest.param("http://127.0.0.1", {"header": ("X Y: 1",)}, "RFC 9110", id="bad-name"),
        pytest.param("http://127.0.0.1", {"header": ("X: 1\r\nY: 2",)}, "header X", id="CRLF"),
        pytest.param("http://127.0.0.1", {"header": ("Host: a",)}, "flag for it", id="host"),
        pytest.param(
            "http://127.0.0.1",
            {"header": ("content-length: 1",)},
            "header content-length is the client's own",
            id="content-length",
        ),
        pytest.param(
            "http://127.0.0.1",
            {"header": ("authorization: x",), "bearer_token_file": Path("/dev/null")},
            "must be one",
            id="two-authorizations",
        ),
    ],
)
def test_a_target_that_cannot_be_followed_is_refused(
    target: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        make_endpoint(RunConfig(target=target, **settings))


@pytest.mark.parametrize(
    "target",
    [
        "http://me:secret@127.0.0.1",
        "grpc://me:secret@127.0.0.1",
        "http://me:secret/@127.0.0.1",
        "http://127.0.0.1?key=secret",
        "http://me:secret@[127.0.0.1",
    ],
    ids=["password", "other-scheme", "slash", "query", "no-address"],
)
def test_a_refused_target_does_not_show_its_credentials(target: str) -> None:
    with pytest.raises(UsageError) as refusal:
        make_endpoint(RunConfig(target=target))
    assert "secret" not in str(refusal.value)


def test_a_refused_header_does_not_show_its_value() -> None:
    with pytest.raises(UsageError) as refusal:
        make_endpoint(RunConfig(target="http://127.0.0.1", header=("X: secret\n",)))
    assert "secret" not in str(refusal.value)


def test_a_name_that_does_not_resolve_is_the_targets_fault() -> None:
    with pytest.raises(TargetError, match=r"host no-such-host\.invalid does not resolve"):
        make_endpoint(RunConfig(target="http://no-such-host.invalid"))


def test_an_endpoint_can_be_handed_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc")
    config = RunConfig(target="http://127.0.0.1", bearer_token_file=tmp_path / "token")
    endpoint = pickle.loads(pickle.dumps(make_endpoint(config)))
    assert endpoint.authorization() == "Bearer abc"


def test_a_renewed_token_is_read_a_second_later(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    os.utime(path, (1, 1))
    token = BearerToken(path)
    assert token.authorization(0) == "Bearer first"
    path.write_text("second")
    assert token.authorization(SECOND_NS - 1) == "Bearer first"
    assert token.authorization(SECOND_NS) == "Bearer second"


@pytest.mark.parametrize("content", [None, b"", b"half a", b"\xff"])
def test_a_token_that_is_being_renewed_stays_as_it_was(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_text("first")
    os.utime(path, (1, 1))
    token = BearerToken(path)
    token.authorization(0)
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert token.authorization(SECOND_NS) == "Bearer first"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "holds no token", id="empty"),
        pytest.param(b"two words", "holds no token", id="two-words"),
        pytest.param(b"\xff", "cannot be read: not ASCII", id="not-ASCII"),
    ],
)
def test_a_file_without_a_token_is_refused_before_the_run(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "token"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        make_endpoint(RunConfig(target="http://127.0.0.1", bearer_token_file=path))


def test_a_token_file_that_is_missing_is_named(tmp_path: Path) -> None:
    config = RunConfig(target="http://127.0.0.1", bearer_token_file=tmp_path / "none")
    with pytest.raises(UsageError, match=r"bearer_token_file \S+/none cannot be read: No such"):
        make_endpoint(config)


def test_credentials_that_are_sent_are_taken_out_of_what_the_server_says(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tok-4f9A7c21Bb")
    config = RunConfig(
        target="http://127.0.0.1",
        bearer_token_file=tmp_path / "token",
        header=(
            "X-Api-Key: key-5e0B8d32Cc",
            "Cookie: a=ses1; b=2",
            "Proxy-Authorization: Basic cHc=",
        ),
    )
    said = "Basic cHc= of ses1 or Bearer tok-4f9A7c21Bb or key-5e0B8d32Cc"
    assert make_endpoint(config).redact(said) == "Basic … of … or Bearer … or …"


def test_a_token_is_taken_out_after_it_has_been_renewed(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("tok-4f9A7c21Bb")
    os.utime(path, (1, 1))
    token = BearerToken(path)
    token.authorization(0)
    path.write_text("tok-6d1C9e43Dd")
    token.authorization(SECOND_NS)
    assert list(token.tokens) == ["tok-4f9A7c21Bb", "tok-6d1C9e43Dd"]
