"""What of a URL may be shown."""

import pytest

from loadtest.net.shown import shown_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        pytest.param("http://a:9090/metrics", "http://a:9090/metrics", id="plain"),
        pytest.param("https://me:hush@a/metrics", "https://a/metrics", id="user"),
        pytest.param("http://a/m?token=hush", "http://a/m?…", id="query"),
        pytest.param("http://a/m?mail=me@hush", "http://a/m?…", id="at-sign-in-query"),
        pytest.param("http://a/m#hush?", "http://a/m", id="fragment"),
        pytest.param("http://me:hu/sh@a", "…", id="slash-in-password"),
        pytest.param("me:hush@a", "…", id="no-scheme"),
        pytest.param("http://[me:hush@a", "…", id="no-address"),
        pytest.param("a:9090", "a:9090", id="nothing-private"),
    ],
)
def test_user_and_query_are_not_shown(url: str, shown: str) -> None:
    assert shown_url(url) == shown
