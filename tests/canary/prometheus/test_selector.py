"""PromQL selectors, read and joined."""

import pytest

from canary.errors import InputError
from canary.prometheus.selector import Matcher, Selector, union


@pytest.mark.parametrize(
    ("text", "labels", "expected"),
    [
        pytest.param("a", {}, True, id="name"),
        pytest.param("b", {}, False, id="another name"),
        pytest.param('a{code="5"}', {"code": "5"}, True, id="equal"),
        pytest.param('a{code!="5"}', {"code": "5"}, False, id="unequal"),
        pytest.param('a{code!="5"}', {}, True, id="unequal to none"),
        pytest.param('a{code=~"5.."}', {"code": "503"}, True, id="pattern"),
        pytest.param('a{code=~"5"}', {"code": "503"}, False, id="patterns match whole values"),
        pytest.param('a{code!~"5.."}', {"code": "503"}, False, id="no pattern"),
        pytest.param(' a { code = "5" , b="" , }', {"code": "5"}, True, id="spaces and empty"),
        pytest.param(r'a{p="x\"}{\\"}', {"p": 'x"}{\\'}, True, id="escapes"),
    ],
)
def test_a_selector_matches_as_prometheus_does(
    text: str, labels: dict[str, str], expected: bool
) -> None:
    assert Selector.parse(text).matches({"__name__": "a", **labels}) is expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "must be of the form", id="empty"),
        pytest.param("sum(a)", "must be of the form", id="expression"),
        pytest.param("a{b}", "do not parse at 'b'", id="no operator"),
        pytest.param('a{b="c" d="e"', "must be of the form", id="not closed"),
        pytest.param('a{b=~"("}', "is no pattern", id="pattern"),
    ],
)
def test_what_is_no_selector_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        Selector.parse(text)


def test_one_query_finds_every_edge_of_a_histogram() -> None:
    edges = [Selector.parse(f'a{{job="x",le="{edge}"}}') for edge in ("0.5", "+Inf", "0.5")]
    assert list(map(str, union(edges))) == ['job="x"', 'le=~"0\\\\.5|\\\\+Inf"']


def test_a_label_that_one_selector_leaves_open_is_left_open() -> None:
    assert union([Selector.parse('a{b="1"}'), Selector.parse("a")]) == ()


def test_a_matcher_is_written_as_it_was_read() -> None:
    (matcher,) = Selector.parse(r'a{p=~"x\\.\"y"}').matchers
    assert matcher == Matcher("p", "=~", r'x\."y')
    assert str(matcher) == r'p=~"x\\.\"y"'
