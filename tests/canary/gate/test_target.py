"""Where the revisions are asked."""

from pathlib import Path

import pytest

from canary.errors import InputError
from canary.gate.target import Gateway, Target


def test_in_the_mesh_a_revision_is_asked_at_its_tag_host() -> None:
    assert Gateway().targets("r1", "apps") == (
        Target("http://latest-r1-predictor.apps"),
        Target("http://prev-r1-predictor.apps"),
    )


def test_from_outside_the_gateway_is_asked_for_the_tag_host() -> None:
    gateway = Gateway.make("https://gw/", "example.com", ["X-A: b c"], Path("/ca.pem"))
    assert gateway.targets("r1", "apps") == (
        Target("https://gw", "latest-r1-predictor.apps.example.com", {"X-A": "b c"}, "/ca.pem"),
        Target("https://gw", "prev-r1-predictor.apps.example.com", {"X-A": "b c"}, "/ca.pem"),
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
        pytest.param("http://gw", "example.com", "A: b", "/ca", "of https", id="ca without tls"),
    ],
)
def test_flags_that_make_no_sense_are_refused(
    url: str | None, domain: str | None, header: str, ca: str | None, said: str
) -> None:
    with pytest.raises(InputError, match=said) as caught:
        Gateway.make(url, domain, [header], None if ca is None else Path(ca))
    assert "secret" not in str(caught.value)
