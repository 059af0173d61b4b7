"""Where the revisions are asked."""

from pathlib import Path

import pytest

from canary.errors import InputError
from canary.gate.target import Gateway, Target
from tests.loadtest.net.certificates import Authority


def test_in_the_mesh_a_revision_is_asked_at_its_tag_host() -> None:
    assert Gateway().targets("r1", "apps") == (
        Target("http://latest-r1-predictor.apps"),
        Target("http://prev-r1-predictor.apps"),
    )


def test_from_outside_the_gateway_is_asked_for_the_tag_host(tmp_path: Path) -> None:
    ca = Authority(tmp_path).path
    gateway = Gateway.make("https://gw/", "example.com", ["X-A: b c"], ca)
    assert gateway.targets("r1", "apps") == (
        Target("https://gw", "latest-r1-predictor.apps.example.com", {"X-A": "b c"}, str(ca)),
        Target("https://gw", "prev-r1-predictor.apps.example.com", {"X-A": "b c"}, str(ca)),
    )


@pytest.mark.parametrize(
    ("url", "domain", "header", "ca", "said"),
    [
        pytest.param("http://gw", None, "A: b", None, "go together", id="no domain"),
        pytest.param(None, "example.com", "A: b", None, "go together", id="no url"),
        pytest.param("gw", "example.com", "A: b", None, "--gateway-url is gw", id="no scheme"),
        pytest.param(None, None, "secret", None, "of the form 'Name: value'", id="no name"),
        pytest.param(None, None, "Host: a", None, "names Host", id="host"),
        pytest.param(None, None, "A: b\r\nC: d", None, "of the form", id="two lines"),
        pytest.param(None, None, "A: secret\u00fc", None, "printable ASCII", id="no ascii"),
        pytest.param("http://gw", "example.com", "A: b", "/ca", "of https", id="ca without tls"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    url: str | None, domain: str | None, header: str, ca: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Gateway.make(url, domain, [header], None if ca is None else Path(ca))
    assert "secret" not in str(caught.value)


def test_a_header_s_value_is_followed_by_what_its_file_holds_now(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("first\n")
    gateway = Gateway.make(None, None, [f"Authorization: Bearer @{token}"], None)
    target, _ = gateway.targets("r1", "apps")
    assert target.read_headers() == {"Authorization": "Bearer first"}
    token.write_text("second")
    assert target.read_headers() == {"Authorization": "Bearer second"}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "token: No such file or directory", id="missing"),
        pytest.param(b"", "one line of printable ASCII: it is empty", id="empty"),
        pytest.param(b" \n", "one line of printable ASCII: it is empty", id="blank"),
        pytest.param(b"secret\nsecret", "printable ASCII: it is not", id="two lines"),
        pytest.param(b"secret\xff", "printable ASCII: it is not", id="no ascii"),
    ],
)
def test_a_header_s_file_that_cannot_be_sent_is_refused_without_its_content(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        Gateway.make(None, None, [f"A: Bearer @{token}"], None).check()
    assert str(caught.value).startswith(f"--header reads {token}")
    assert "secret" not in str(caught.value)


def test_a_header_s_file_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Is a directory"):
        Gateway.make(None, None, [f"A: @{tmp_path}"], None).check()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "No such file", id="missing"),
        pytest.param("x", "no certificate", id="no certificate"),
    ],
)
def test_certificates_that_cannot_be_read_are_refused(
    tmp_path: Path, content: str | None, said: str
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(InputError, match=said):
        Gateway.make("https://gw", "example.com", [], path).check()
