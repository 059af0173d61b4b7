"""Every HTTP request that reaches the app counted, timed and logged in one line."""

import logging
import time
from typing import Final

from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from predictor.metrics import CLIENT_CLOSED_REQUEST, Metrics, outcome_of_status

logger = logging.getLogger(__name__)

# The route of whatever no route serves: paths come from clients.
UNKNOWN_ROUTE: Final = "unknown"
# Asked every few seconds by whoever watches.
QUIET_ROUTES: Final = frozenset({"live", "ready", "model_ready", "metrics"})


class Observe:
    """ASGI middleware; handlers find their entry as ``scope["observed"]``."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        status = CLIENT_CLOSED_REQUEST
        is_complete = False

        async def watch(message: Message) -> None:
            nonlocal status, is_complete
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                is_complete = not message.get("more_body", False)
            await send(message)

        started_s = time.monotonic()
        with self._metrics.request("rest", UNKNOWN_ROUTE) as observed:
            scope["observed"] = observed
            try:
                await self._app(scope, receive, watch)
            finally:
                observed.route = _route_name(scope.get("route"))
                if not is_complete:
                    observed.outcome = "cancelled"
                elif observed.outcome == "ok":
                    observed.outcome = outcome_of_status(status)
                level = logging.DEBUG if observed.route in QUIET_ROUTES else logging.INFO
                # No path: it is the client's text.
                logger.log(
                    level,
                    "rest %s %d %s in %.3f s",
                    observed.route,
                    status,
                    observed.outcome,
                    time.monotonic() - started_s,
                )


def _route_name(route: BaseRoute | None) -> str:
    return getattr(route, "name", UNKNOWN_ROUTE)
