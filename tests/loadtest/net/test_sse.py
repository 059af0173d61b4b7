"""The parser of server-sent events against the standard's rules."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.errors import AnswerError
from loadtest.net.sse import MAX_EVENT_BYTES, EventParser

STREAMS = [
    pytest.param(b"data: a\n\ndata: b\n\n", [b"a", b"b"], id="two"),
    pytest.param(b"data: a\r\n\r\ndata: b\r\n\r\n", [b"a", b"b"], id="CRLF"),
    pytest.param(b"data: a\r\rdata: b\r\r", [b"a", b"b"], id="CR"),
    pytest.param(b"data: a\r\n\ndata: b\n\r\n", [b"a", b"b"], id="mixed"),
    pytest.param(b"data:a\n\n", [b"a"], id="no-space"),
    pytest.param(b"data:  a\n\n", [b" a"], id="one-space-is-the-fields"),
    pytest.param(b"data: a\ndata: b\n\n", [b"a\nb"], id="several-lines"),
    pytest.param(b"data\n\n", [b""], id="no-colon"),
    pytest.param(b"data: \n\n", [b""], id="empty-data"),
    pytest.param(b"data: a\r\ndata: b\r\n\r\n", [b"a\nb"], id="several-lines-with-CRLF"),
    pytest.param(b": ping\n\n", [], id="comment"),
    pytest.param(b": ping\ndata: a\n\n", [b"a"], id="comment-before"),
    pytest.param(b"event: x\nid: 1\nretry: 5\ndata: a\n\n", [b"a"], id="other-fields"),
    pytest.param(b"event: x\n\n", [], id="no-data"),
    pytest.param(b"database: a\n\n", [], id="another-name"),
    pytest.param(b"data: a\n\n\n\ndata: b\n\n", [b"a", b"b"], id="more-blank-lines"),
    pytest.param(b"\n\ndata: a\n\n", [b"a"], id="blank-lines-first"),
    pytest.param(b"\xef\xbb\xbfdata: a\n\n", [b"a"], id="BOM"),
    pytest.param(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", [], id="two-BOMs"),
    pytest.param(b"data: a\n\ndata: b\n", [b"a"], id="the-last-is-not-ended"),
    pytest.param(b'data: {"a": "b: c"}\n\n', [b'{"a": "b: c"}'], id="colons-within"),
]


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_stream_holds_these_events(stream: bytes, events: list[bytes]) -> None:
    assert EventParser().feed(stream) == events


@pytest.mark.parametrize(("stream", "events"), STREAMS)
def test_a_stream_holds_the_same_events_byte_by_byte(stream: bytes, events: list[bytes]) -> None:
    parser = EventParser()
    assert [event for byte in stream for event in parser.feed(bytes([byte]))] == events


PIECES = st.sampled_from(
    [
        *(b"data", b"data: a", b"data:b", b": c", b"id: 1", b" ", b":", b"x", b"\x00"),
        *(b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf", b"\xef"),
    ]
)


@given(st.lists(PIECES, max_size=30), st.lists(st.integers(0, 60), max_size=8))
def test_any_stream_in_any_pieces_is_read_as_by_the_letter(
    pieces: list[bytes], cuts: list[int]
) -> None:
    stream = b"".join(pieces)
    parser = EventParser()
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    found = [event for start, end in pairwise(edges) for event in parser.feed(stream[start:end])]
    assert found == read_by_the_letter(stream)


def read_by_the_letter(stream: bytes) -> list[bytes]:
    """Return the events as the standard words it, one line after the other."""
    lines = re.split(rb"\r\n|\n|\r", stream.removeprefix(b"\xef\xbb\xbf"))
    events, buffer = [], b""
    # What follows the last line's end is no line yet.
    for line in lines[:-1]:
        if not line:
            if buffer:
                events.append(buffer[:-1])
            buffer = b""
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            buffer += (value[1:] if value[:1] == b" " else value) + b"\n"
    return events


def test_an_event_without_end_is_refused_at_its_bound() -> None:
    parser = EventParser()
    piece = b"x" * (MAX_EVENT_BYTES // 16)
    parser.feed(b"data: ")
    for _ in range(15):
        parser.feed(piece)
    with pytest.raises(AnswerError, match="an event has more than 16777216 bytes"):
        parser.feed(piece)
