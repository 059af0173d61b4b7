"""What is no HTTP, or too much of it: answered with an error, and the connection closed."""

from tests.predictor.server.corpus.rest import MODEL, PROMPT, bad, http

HEAD_LIMIT = 32 * 2**10
GET = b"GET /v2 HTTP/1.1\r\nHost: a\r\n"
POST = f"POST {MODEL}/infer HTTP/1.1\r\nHost: a\r\n".encode()
MALFORMED = "the request is malformed HTTP: "
NO_PATH = "the request is a CONNECT or its target has no path"
SECRET = PROMPT.encode()


def malformed(data: bytes) -> tuple[bytes, str]:
    return data, MALFORMED


def framed(*headers: bytes, body: bytes = b"") -> tuple[bytes, str]:
    return malformed(POST + b"".join(header + b"\r\n" for header in headers) + b"\r\n" + body)


CHUNKED = b"Transfer-Encoding: chunked"
FRAMING = bad(
    {
        "length and chunks": framed(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"),
        "chunks and length": framed(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"),
        "two lengths": framed(b"Content-Length: 5", b"Content-Length: 6"),
        "one length twice": framed(b"Content-Length: 5", b"Content-Length: 5"),
        "two lengths in one": framed(b"Content-Length: 5, 5"),
        "a negative length": framed(b"Content-Length: -5"),
        "a signed length": framed(b"Content-Length: +5"),
        "a hexadecimal length": framed(b"Content-Length: 0x5"),
        "an empty length": framed(b"Content-Length: "),
        "a length of letters": framed(b"Content-Length: five"),
        "a length of 30 digits": framed(b"Content-Length: " + b"9" * 30),
        "a blank before the colon": framed(b"Content-Length : 5"),
        "an unknown coding": framed(b"Transfer-Encoding: xchunked"),
        "a coding before chunks": framed(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
        "identity": framed(b"Transfer-Encoding: identity", body=b"0\r\n\r\n"),
        "a coding behind chunks": framed(b"Transfer-Encoding: chunked, gzip"),
        "chunks by a blank name": framed(b"Transfer-Encoding : chunked"),
        "a size of letters": framed(CHUNKED, body=SECRET + b"\r\n"),
        "a negative size": framed(CHUNKED, body=b"-1\r\na\r\n"),
        "a size of 20 digits": framed(CHUNKED, body=b"f" * 20 + b"\r\n"),
        "a chunk longer than its size": framed(CHUNKED, body=b"2\r\n" + SECRET + b"\r\n"),
        "a size with 0x": framed(CHUNKED, body=b"0x2\r\nab\r\n0\r\n\r\n"),
        "a chunk behind a bare LF": framed(CHUNKED, body=b"2\nab\r\n0\r\n\r\n"),
    }
)
HEADS = bad(
    {
        "lines end in LF": malformed(b"GET /v2 HTTP/1.1\nHost: a\n\n"),
        "one line ends in LF": malformed(GET + b"A: b\n\r\n\r\n"),
        "lines end in CR": malformed(b"GET /v2 HTTP/1.1\rHost: a\r\r"),
        "a folded header": malformed(GET + b"A: b\r\n c\r\n\r\n"),
        "NUL in a value": malformed(GET + b"A: b\0c\r\n\r\n"),
        "NUL in a name": malformed(GET + b"A\0: b\r\n\r\n"),
        "a header without a name": malformed(GET + b": b\r\n\r\n"),
        "a header without a colon": malformed(GET + b"a\r\n\r\n"),
        "a blank in a name": malformed(GET + b"a b: c\r\n\r\n"),
        "no version": malformed(b"GET /v2\r\n\r\n"),
        "no target": malformed(b"GET HTTP/1.1\r\n\r\n"),
        "version 2.0 without its preface": malformed(b"GET /v2 HTTP/2.0\r\nHost: a\r\n\r\n"),
        "version 9.9": malformed(b"GET /v2 HTTP/9.9\r\n\r\n"),
        "version in small letters": malformed(b"GET /v2 http/1.1\r\n\r\n"),
        "a blank in the target": malformed(b"GET /v2 /v2 HTTP/1.1\r\n\r\n"),
        "a target beyond ASCII": malformed("GET /v2/é HTTP/1.1\r\n\r\n".encode()),
        "NUL in the target": malformed(b"GET /v2\0 HTTP/1.1\r\n\r\n"),
        "an unknown method": malformed(b"SECRET /v2 HTTP/1.1\r\n\r\n"),
        "a method in small letters": malformed(b"get /v2 HTTP/1.1\r\n\r\n"),
        "no request line": malformed(b": /v2 HTTP/1.1\r\n\r\n"),
        "JSON": malformed(b'{"inputs": []}\r\n\r\n'),
        "an HTTP/2 preface": malformed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9)),
        "a TLS hello": malformed(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500)),
        "SSH": malformed(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"),
        "no Host": (b"GET /v2 HTTP/1.1\r\n\r\n", "Host"),
        "two Hosts": (GET + b"Host: b\r\n\r\n", "Host"),
        "CONNECT": (b"CONNECT a:443 HTTP/1.1\r\n\r\n", NO_PATH),
        "a target without a path": (b"GET http://a HTTP/1.1\r\n\r\n", NO_PATH),
    }
)
LONG = f"the head of the request is longer than {HEAD_LIMIT} bytes"
MANY = "the head of the request has more than 100 headers"


def head_of(num_bytes: int) -> bytes:
    start = GET + b"A: "
    return start + b"p" * (num_bytes - len(start) - 4) + b"\r\n\r\n"


def headers_of(number: int) -> bytes:
    return GET + b"a: b\r\n" * (number - 1) + b"\r\n"


TOO_MUCH = bad(
    {
        "a byte too long": (head_of(HEAD_LIMIT + 1), LONG),
        "a value of 1 MB": (head_of(10**6), LONG),
        "a name of 40 KB": (GET + b"n" * 40_000 + b": b\r\n\r\n", LONG),
        "a target of 40 KB": (http("GET", "/" + "p" * 40_000), LONG),
        "a query of 40 KB": (http("GET", "/v2?" + "q" * 40_000), LONG),
        "a method of 40 KB, which is none": (b"GET /" + b"p" * 40_000, LONG),
        "101 headers": (headers_of(101), MANY),
        "5000 headers": (headers_of(5000), MANY),
        "a cookie of 40 KB": (GET + b"Cookie: " + b"c" * 40_000 + b"\r\n\r\n", LONG),
        "trailers of 1 MB": (
            POST + CHUNKED + b"\r\n\r\n0\r\nA: " + b"t" * 10**6 + b"\r\n\r\n",
            f"the body has more than {HEAD_LIMIT} bytes of framing in a row",
        ),
        "an extension of 1 MB": (
            POST + CHUNKED + b"\r\n\r\n1;" + b"e" * 10**6 + b"\r\na\r\n0\r\n\r\n",
            f"the body has more than {HEAD_LIMIT} bytes of framing in a row",
        ),
    },
    431,
)
GROUPS = {"malformed framing": FRAMING, "malformed heads": HEADS, "too large heads": TOO_MUCH}
