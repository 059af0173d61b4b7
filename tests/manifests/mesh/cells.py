"""What a row of the matrix is, and the sets of policies that rows take away."""

from dataclasses import dataclass, field

ISTIO_GATEWAY = "istio-system/istio-ingressgateway-service-account"
HELM_GATEWAY = "istio-system/istio-ingressgateway"
ACTIVATOR = "knative-serving/activator"
CONTROLLER = "knative-serving/controller"
CANARY = "r1/r1-canary"
FRONTEND = "frontend/web"
PROCESSING = "processing/worker"
NEIGHBOUR = "r1/another"
STRANGER = "evil/web"

REQUESTS = frozenset({"AuthorizationPolicy r1/r1-requests"})
KNATIVE = frozenset({"AuthorizationPolicy r1/r1-knative"})
# With no ALLOW policy left Istio allows.
ALLOWS = frozenset(
    f"AuthorizationPolicy r1/{name}"
    for name in ("default-deny", "r1-requests", "r1-knative", "r1-metrics")
)
NEVER = frozenset({"AuthorizationPolicy r1/r1-never"})
AT_GATEWAY = frozenset({"AuthorizationPolicy istio-system/r1-callers"})
AT_ACTIVATOR = frozenset({"AuthorizationPolicy knative-serving/r1-callers"})
EXTERNAL = frozenset({"AuthorizationPolicy istio-system/r1-external"})
JWT = frozenset({"RequestAuthentication r1/r1"})
JWT_AT_GATEWAY = frozenset({"RequestAuthentication istio-system/r1"})
TOKENS = ALLOWS | JWT
TOKENS_OUTSIDE = TOKENS | EXTERNAL | JWT_AT_GATEWAY
STRICT = frozenset({"PeerAuthentication r1/default"})
METRICS = frozenset({"PeerAuthentication r1/r1-metrics"})
LOCAL_GATEWAY = frozenset(
    {
        "Gateway knative-serving/knative-local-gateway",
        "DestinationRule istio-system/knative-local-gateway",
    }
)
TLS = frozenset({"the verification of certificates"})

INFER = ("POST", "/v2/models/r1/infer")
LIVE = ("GET", "/v2/health/live")
HOST = "r1-predictor.r1.svc.cluster.local"
FOR_R1 = (("knative-serving-namespace", "r1"), ("knative-serving-revision", "r1-predictor-00001"))


@dataclass(frozen=True)
class Cell:
    """Who asks what, the answer, and the answer without the policies that the row is about.

    ``who`` is namespace/account, or one of "plain text", "no certificate", "another authority".
    An answer is a status, or None for no answer.
    """

    door: str
    who: str
    token: str
    asks: tuple[str, str]
    answer: int | None
    without: frozenset[str]
    otherwise: int | None
    host: str = HOST
    headers: tuple[tuple[str, str], ...] = field(default=())
    is_http2: bool = False
    why: str = ""

    @property
    def id(self) -> str:
        parts = (self.door, self.who, f"token {self.token}", *self.asks)
        host = () if self.host == HOST else (self.host,)
        return ", ".join((*parts, *host, *filter(None, [self.why])))
