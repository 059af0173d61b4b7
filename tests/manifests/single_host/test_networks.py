"""Whose requests are counted together where no key names the client."""

from collections.abc import Callable

import pytest

from tests.manifests.single_host.front import Front

# The module is in Debian's nginx: the client's address is what this header says.
ANY_ADDRESS = {
    "server_tokens off;": "server_tokens off;set_real_ip_from 127.0.0.1; real_ip_header X-Address;"
}
# One request a minute, and no burst.
ONE_A_MINUTE = {
    "identity": {
        "zone=r1_identity:10m rate=10r/s": "zone=r1_identity:10m rate=1r/m",
        "zone=r1_identity burst=20": "zone=r1_identity",
    },
    "address": {
        "zone=r1_address:10m rate=20r/s": "zone=r1_address:10m rate=1r/m",
        "zone=r1_address burst=40": "zone=r1_address",
    },
}


@pytest.fixture(scope="module", params=ONE_A_MINUTE)
def strict_front(request: pytest.FixtureRequest, start_front: Callable[..., Front]) -> Front:
    return start_front([None] * 4, ANY_ADDRESS | ONE_A_MINUTE[request.param])


def guess_from(front: Front, address: str) -> int:
    with front.client({"x-address": address}) as client:
        return client.get("/v2", auth=("alice", "guess")).status_code


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ("2001:db8::1", "2001:db8:0:0:1::"),
        ("2001:db8:3::1", "2001:db8:3:0:1:2:3:4"),
        ("2001:db8:a0a:a0a:a0a:a0a:a0a:a0a", "2001:db8:a0a:a0a::a"),
        ("192.0.2.1", "192.0.2.1"),
    ],
    ids=["one /64", "two zeros", "one zero", "bytes of line ends", "IPv4"],
)
def test_one_network_has_one_share(strict_front: Front, first: str, second: str) -> None:
    statuses = [guess_from(strict_front, address) for address in (first, second)]

    assert statuses == [401, 429]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2001:db8:4:1::1", "2001:db8:4:2::1"),
        ("2001::5:1:1:1:1", "2001::6:1:1:1:1"),
        ("198.51.100.1", "198.51.100.2"),
    ],
    ids=["/64s of one /48", "zeros inside", "IPv4"],
)
def test_another_network_has_a_share_of_its_own(
    strict_front: Front, first: str, second: str
) -> None:
    statuses = [guess_from(strict_front, address) for address in (first, second)]

    assert statuses == [401, 401]
