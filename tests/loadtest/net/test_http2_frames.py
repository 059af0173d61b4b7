"""HTTP/2's frames against hpack's own and against any bytes."""

from itertools import pairwise

import pytest
from hpack import Decoder, Encoder
from hypothesis import given
from hypothesis import strategies as st

from loadtest.net.http2_frames import (
    END_HEADERS,
    Frame,
    FrameReader,
    HeadDecoder,
    Kind,
    ProtocolError,
    Setting,
    decode_settings,
    encode_changing,
    encode_fixed,
    encode_frame,
    encode_settings,
    strip,
)

FIRST = encode_settings({Setting.ENABLE_PUSH: 0})
FRAMES = [
    Frame(Kind.SETTINGS, 0, 0, FIRST[9:]),
    Frame(Kind.HEADERS, END_HEADERS, 1, b"\x88"),
    Frame(Kind.DATA, 0, 1, b"x" * 300),
    Frame(Kind.GOAWAY, 0, 0, bytes(8)),
    Frame(Kind.DATA, 1, 2**31 - 1, b""),
]
SENT = b"".join(encode_frame(Kind(kind), *rest) for kind, *rest in FRAMES)


@given(cuts=st.lists(st.integers(0, len(SENT)), max_size=6))
def test_frames_are_the_same_wherever_the_bytes_are_cut(cuts: list[int]) -> None:
    reader = FrameReader()
    edges = [0, *sorted(cuts), len(SENT)]
    pieces = [SENT[begin:end] for begin, end in pairwise(edges)]
    assert [frame for piece in pieces for frame in reader.feed(piece)] == FRAMES


@pytest.mark.parametrize(
    "data",
    [b"HTTP/1.1 400 Bad Request", encode_frame(Kind.PING, 0, 0, bytes(8)), FIRST + b"\x01" * 9],
    ids=["http1", "no-settings", "too-long"],
)
def test_what_is_not_http2_is_refused_at_its_first_bytes(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        FrameReader().feed(data)


@given(data=st.binary(max_size=200))
def test_any_bytes_are_frames_or_an_error_of_the_protocol(data: bytes) -> None:
    try:
        frames = FrameReader().feed(FIRST + data)
    except ProtocolError:
        return
    assert sum(9 + len(frame.payload) for frame in frames) <= len(FIRST + data)


@given(block=st.binary(max_size=60))
def test_any_block_is_fields_or_an_error_of_the_protocol(block: bytes) -> None:
    try:
        head = HeadDecoder().decode(block)
    except ProtocolError:
        return
    assert isinstance(head, dict)


def test_blocks_that_look_alike_follow_the_table_as_it_changes() -> None:
    encoder, decoder = Encoder(), HeadDecoder()
    for number in range(200):
        for _ in range(3):
            fields = [(b":status", b"200"), (b"x", b"%d" % number), (b"y", b"%d" % number)]
            assert decoder.decode(encoder.encode(fields)) == dict(fields)


def test_the_headers_we_write_are_read_by_hpack() -> None:
    fixed = [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", b"/a/b"),
        (b"user-agent", b"x" * 500),
    ]
    block = encode_fixed(fixed) + encode_changing([(b"x-request-id", b"r-1")])
    assert list(Decoder().decode(block, raw=True)) == [*fixed, (b"x-request-id", b"r-1")]


@pytest.mark.parametrize(
    ("frame", "payload"),
    [
        (Frame(Kind.DATA, 0, 1, b"abc"), b"abc"),
        (Frame(Kind.DATA, 0x8, 1, b"\x02abc??"), b"abc"),
        (Frame(Kind.HEADERS, 0x20, 1, b"....!abc"), b"abc"),
        (Frame(Kind.HEADERS, 0x28, 1, b"\x01....!abc?"), b"abc"),
    ],
    ids=["plain", "padded", "priority", "both"],
)
def test_padding_and_priority_are_left_out(frame: Frame, payload: bytes) -> None:
    assert strip(frame) == payload


@pytest.mark.parametrize(
    "frame",
    [
        Frame(Kind.DATA, 0x8, 1, b""),
        Frame(Kind.DATA, 0x8, 1, b"\x03ab"),
        Frame(Kind.HEADERS, 0x20, 1, b"...."),
    ],
    ids=["empty", "padding", "priority"],
)
def test_padding_beyond_the_frame_is_refused(frame: Frame) -> None:
    with pytest.raises(ProtocolError):
        strip(frame)


def test_settings_of_a_wrong_length_are_refused() -> None:
    with pytest.raises(ProtocolError):
        decode_settings(bytes(7))
