"""Rows at the doors that know their callers: activator, Knative's gateway, the gateway outside."""

from functools import partial

from tests.manifests.mesh.cells import (
    AT_ACTIVATOR,
    AT_GATEWAY,
    CANARY,
    CONTROLLER,
    FOR_R1,
    FRONTEND,
    HOST,
    INFER,
    ISTIO_GATEWAY,
    LIVE,
    LOCAL_GATEWAY,
    NEIGHBOUR,
    PROCESSING,
    REQUESTS,
    STRANGER,
    TLS,
    TOKENS,
    TOKENS_OUTSIDE,
    Cell,
)

at_activator = partial(Cell, "activator", headers=FOR_R1)
inside = partial(Cell, "inside")
outside = partial(Cell, "outside", "no certificate", host="r1.example.com")
LATEST = "latest-r1-predictor.r1.svc.cluster.local"
PREV = "prev-r1-predictor.r1.svc.cluster.local"
REVISION = "r1-predictor-00002.r1.svc.cluster.local"
OWN = "r1.r1.svc.cluster.local"
TWO_VALUES = (("knative-serving-namespace", "r1"), ("knative-serving-namespace", "other"))

ACTIVATORS = [
    at_activator(FRONTEND, "right", INFER, 200, REQUESTS, 403),
    at_activator(PROCESSING, "right", INFER, 200, REQUESTS, 403),
    at_activator(NEIGHBOUR, "right", INFER, 200, REQUESTS, 403),
    at_activator(ISTIO_GATEWAY, "right", INFER, 200, REQUESTS, 403),
    at_activator(FRONTEND, "missing", INFER, 403, TOKENS, 200),
    at_activator(FRONTEND, "expired", INFER, 401, TOKENS, 200),
    at_activator(STRANGER, "right", INFER, 403, AT_ACTIVATOR, 200),
    at_activator(FRONTEND, "right", INFER, 200, REQUESTS, 403, is_http2=True, why="HTTP/2"),
    at_activator(STRANGER, "right", INFER, 403, AT_ACTIVATOR, 200, host="other.evil"),
    at_activator("evil/frontend", "right", INFER, 403, AT_ACTIVATOR, 200),
    at_activator("frontend-2/web", "right", INFER, 403, AT_ACTIVATOR, 200),
    at_activator("plain text", "right", INFER, 403, AT_ACTIVATOR, 200),
    at_activator(CANARY, "right", INFER, 200, REQUESTS, 403, host=LATEST),
    at_activator(CANARY, "right", INFER, 200, REQUESTS, 403, host=PREV),
    at_activator(ISTIO_GATEWAY, "right", INFER, 200, REQUESTS, 403, host=LATEST),
    at_activator(ISTIO_GATEWAY, "right", INFER, 200, REQUESTS, 403, host=f"{HOST}-shadow"),
    at_activator(FRONTEND, "right", INFER, 403, AT_ACTIVATOR, 200, host=LATEST),
    at_activator(PROCESSING, "right", INFER, 403, AT_ACTIVATOR, 200, host=PREV),
    at_activator(NEIGHBOUR, "right", INFER, 403, AT_ACTIVATOR, 200, host=LATEST),
    at_activator(FRONTEND, "right", INFER, 403, AT_ACTIVATOR, 200, host="activator-service"),
    *[
        Cell("activator", who, "right", INFER, 403, AT_ACTIVATOR, 200, host=host)
        for who in (STRANGER, FRONTEND, CANARY)
        for host in (REVISION, f"{REVISION}:8080", REVISION.upper())
    ],
    Cell("activator", CONTROLLER, "right", INFER, 200, REQUESTS, 403, host=REVISION),
    Cell(
        "activator",
        STRANGER,
        "right",
        INFER,
        403,
        AT_ACTIVATOR,
        200,
        headers=TWO_VALUES,
        why="two values of a header",
    ),
]
# Over HTTP/2 Envoy hands blanks on; the activator takes them off.
BLANKS = [
    Cell(
        "activator",
        who,
        "right",
        INFER,
        403,
        AT_ACTIVATOR,
        200,
        host=host,
        headers=(("knative-serving-namespace", namespace),),
        is_http2=True,
        why=f"namespace {namespace!r}",
    )
    for who, host in ((STRANGER, HOST), ("plain text", HOST), (FRONTEND, LATEST))
    for namespace in ("r1", "r1 ", "r1\t", " r1", "\tr1", "r1 ,other", "r1\t,other", "  r1 ")
]
INSIDE = [
    inside(FRONTEND, "right", INFER, 200, REQUESTS, 403),
    inside(FRONTEND, "right", INFER, 200, REQUESTS, 403, host=OWN),
    inside(FRONTEND, "right", INFER, 200, REQUESTS, 403, host="r1-predictor.r1"),
    inside(PROCESSING, "right", INFER, 200, REQUESTS, 403, host="r1-predictor.r1.svc:80"),
    inside(FRONTEND, "missing", INFER, 403, TOKENS_OUTSIDE, 200),
    inside(FRONTEND, "expired", INFER, 401, TOKENS_OUTSIDE, 200),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 200),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 200, host=OWN),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 200, host="r1-predictor.r1"),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 200, host="r1-predictor.r1:80"),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 404, host="R1-Predictor.r1"),
    inside("r1x/web", "right", INFER, 403, AT_GATEWAY, 200),
    inside(CANARY, "right", INFER, 200, REQUESTS, 403, host=LATEST),
    inside(CANARY, "right", INFER, 200, REQUESTS, 403, host=PREV),
    inside(FRONTEND, "right", INFER, 403, AT_GATEWAY, 200, host=LATEST),
    inside(NEIGHBOUR, "right", INFER, 403, AT_GATEWAY, 200, host=PREV),
    inside(STRANGER, "right", INFER, 403, AT_GATEWAY, 200, host="latest-r1-predictor.r1:80"),
    inside("plain text", "right", INFER, None, LOCAL_GATEWAY, 403),
    inside("no certificate", "right", INFER, None, TLS, 403),
    inside("another authority", "right", INFER, None, TLS, 403),
]
OUTSIDE = [
    outside("right", INFER, 200, REQUESTS, 403),
    outside("right", ("POST", "/openai/v1/chat/completions"), 200, REQUESTS, 403),
    outside("missing", INFER, 403, TOKENS_OUTSIDE, 200),
    outside("right, in the query", INFER, 403, TOKENS_OUTSIDE, 200),
    outside("without subject", INFER, 403, TOKENS_OUTSIDE, 200),
    outside("empty subject", INFER, 403, TOKENS_OUTSIDE, 200),
    outside("wrong issuer", INFER, 401, TOKENS_OUTSIDE, 200),
    outside("wrong audience", INFER, 403, TOKENS_OUTSIDE, 200),
    outside("expired", INFER, 401, TOKENS_OUTSIDE, 200),
    outside("bad signature", INFER, 401, TOKENS_OUTSIDE, 200),
    outside("no signature", INFER, 401, TOKENS_OUTSIDE, 200),
    outside("missing", LIVE, 200, REQUESTS, 403),
    outside("missing", ("GET", "/v2/models/r1/ready"), 200, REQUESTS, 403),
    outside("missing", ("GET", "/v2/models/r1"), 403, TOKENS_OUTSIDE, 200),
]
CELLS = [*ACTIVATORS, *BLANKS, *INSIDE, *OUTSIDE]
