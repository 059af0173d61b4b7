"""Rows at the predictor's own sidecar."""

from functools import partial

from tests.manifests.mesh.cells import (
    ACTIVATOR,
    ALLOWS,
    CANARY,
    CONTROLLER,
    FRONTEND,
    HELM_GATEWAY,
    INFER,
    ISTIO_GATEWAY,
    JWT,
    KNATIVE,
    LIVE,
    METRICS,
    NEIGHBOUR,
    NEVER,
    PROCESSING,
    REQUESTS,
    STRANGER,
    STRICT,
    TLS,
    TOKENS,
    Cell,
)

at = partial(Cell, "predictor")
GRPC = "/inference.GRPCInferenceService"
PROBE = (("k-network-probe", "queue"),)
PROBED = ("GET", "/healthz")
METRICS_PAGE = ("GET", "/metrics")

ALLOWED = [
    at(ACTIVATOR, "right", INFER, 200, REQUESTS, 403),
    at(ISTIO_GATEWAY, "right", INFER, 200, REQUESTS, 403),
    at(HELM_GATEWAY, "right", INFER, 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("POST", "/v2/models/r1/generate_stream"), 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("POST", "/openai/v1/chat/completions"), 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("GET", "/v2"), 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("GET", "/v2/models/r1"), 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("POST", f"{GRPC}/ModelInfer"), 200, REQUESTS, 403),
    at(ACTIVATOR, "right", ("POST", "/grpc.health.v1.Health/Check"), 200, REQUESTS, 403),
]
CALLERS = [
    # Past gateway and activator nobody comes, however good the token.
    at(FRONTEND, "right", INFER, 403, ALLOWS, 200),
    at(PROCESSING, "right", INFER, 403, ALLOWS, 200),
    at(CANARY, "right", INFER, 403, ALLOWS, 200),
    at(NEIGHBOUR, "right", INFER, 403, ALLOWS, 200),
    at(STRANGER, "right", INFER, 403, ALLOWS, 200),
    at(CONTROLLER, "right", INFER, 403, ALLOWS, 200),
    at("istio-system/default", "right", INFER, 403, ALLOWS, 200),
    at("knative-serving/activator-2", "right", INFER, 403, ALLOWS, 200),
    at("plain text", "right", INFER, None, STRICT, 403),
    at("plain text", "right", INFER, None, STRICT | ALLOWS, 200, why="nothing else asked"),
    at("no certificate", "right", INFER, None, TLS, 403),
    at("another authority", "right", INFER, None, TLS, 200, why="as the activator"),
]
TOKENS_OF_BOTH = [
    at(who, token, INFER, answer, TOKENS, 200)
    for who in (ACTIVATOR, ISTIO_GATEWAY)
    for token, answer in {
        "missing": 403,
        "wrong issuer": 401,
        "wrong audience": 403,
        "expired": 401,
        "bad signature": 401,
        "no signature": 401,
        "no token at all": 401,
    }.items()
]
NOBODYS = [
    # A client's rate is its subject's: without one there is none.
    *[
        at(who, token, INFER, 403, TOKENS, 200)
        for who in (ACTIVATOR, ISTIO_GATEWAY)
        for token in ("without subject", "empty subject", "right, in the query")
    ],
    at(ACTIVATOR, "many subjects", INFER, 401, TOKENS, 200),
]
HEALTH = [
    at(ACTIVATOR, "missing", LIVE, 200, REQUESTS, 403),
    at(ISTIO_GATEWAY, "missing", ("GET", "/v2/health/ready"), 200, REQUESTS, 403),
    at(ISTIO_GATEWAY, "missing", ("GET", "/v2/models/r1/ready"), 200, REQUESTS, 403),
    at(ACTIVATOR, "missing", ("GET", "/v2/models/other/ready"), 403, ALLOWS, 200),
    at(ACTIVATOR, "missing", ("POST", "/v2/health/live"), 403, ALLOWS, 200),
    at(ACTIVATOR, "missing", ("GET", "/v2/models/r1"), 403, ALLOWS, 200),
    at(ACTIVATOR, "expired", LIVE, 401, JWT, 200),
    at(FRONTEND, "missing", LIVE, 403, ALLOWS, 200),
]
SHUT_TWICE = [
    ("GET", "/v2/repository/index"),
    ("POST", "/v2/repository/index"),
    ("POST", "/v2/repository/models/r1/load"),
    ("POST", "/v2/repository/models/r1/unload"),
    ("GET", "/v2/openapi.json"),
    ("GET", "/v2/docs"),
    ("POST", f"{GRPC}/RepositoryIndex"),
    ("POST", f"{GRPC}/RepositoryModelLoad"),
    ("POST", f"{GRPC}/RepositoryModelUnload"),
    ("POST", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/redoc"),
    ("GET", "/v1/models"),
    ("POST", "/v1/models/r1:predict"),
]
SHUT = [
    *[at(ACTIVATOR, "right", asks, 403, NEVER | ALLOWS, 200) for asks in SHUT_TWICE],
    at(ACTIVATOR, "right", ("GET", "/"), 403, ALLOWS, 200),
    at(ACTIVATOR, "right", ("GET", "/wait-for-drain"), 403, ALLOWS, 200),
    at(ACTIVATOR, "right", ("POST", "/openai/v2/chat/completions"), 403, ALLOWS, 200),
    at(ACTIVATOR, "right", ("POST", "/another.Service/Call"), 403, ALLOWS, 200),
]
KNATIVES_OWN = [
    at(ACTIVATOR, "missing", PROBED, 200, KNATIVE, 403, headers=PROBE, why="probe"),
    at(ACTIVATOR, "missing", PROBED, 403, ALLOWS, 200, why="no probe"),
    at(ISTIO_GATEWAY, "missing", PROBED, 403, ALLOWS, 200, headers=PROBE, why="probe"),
    at(ACTIVATOR, "missing", INFER, 403, ALLOWS, 200, headers=PROBE, why="probe"),
    Cell("autoscaling", CONTROLLER, "missing", METRICS_PAGE, 200, KNATIVE, 403),
    Cell("autoscaling", CONTROLLER, "missing", ("POST", "/metrics"), 403, ALLOWS, 200),
    Cell("autoscaling", CONTROLLER, "missing", ("GET", "/debug"), 403, ALLOWS, 200),
    Cell("autoscaling", ACTIVATOR, "missing", METRICS_PAGE, 403, ALLOWS, 200),
    Cell("autoscaling", FRONTEND, "right", METRICS_PAGE, 403, ALLOWS, 200),
    Cell("autoscaling", "plain text", "missing", METRICS_PAGE, None, STRICT, 403),
    Cell("metrics", "plain text", "missing", METRICS_PAGE, 200, METRICS, None),
    Cell("metrics", "plain text", "right", INFER, 403, ALLOWS, 200),
    Cell("metrics", ACTIVATOR, "right", INFER, 403, ALLOWS, 200),
    Cell("metrics", FRONTEND, "right", INFER, 403, ALLOWS, 200),
]
CELLS = [
    *ALLOWED,
    *CALLERS,
    *TOKENS_OF_BOTH,
    *NOBODYS,
    *HEALTH,
    *SHUT,
    *KNATIVES_OWN,
]
