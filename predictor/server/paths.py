"""Paths are what they look like: a slash that is encoded does not part them."""

from http import HTTPStatus
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from predictor.server.answers import error_answer

ENCODED_SLASH: Final = b"%2f"


class PlainPaths:
    """ASGI middleware: 404 where an encoded slash would be taken for one (RFC 3986, 2.2).

    A gateway that denies a path by its raw form would otherwise be passed by.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if ENCODED_SLASH in scope["raw_path"].lower():
            message = f"{scope['method']} not found at this path, which has an encoded slash"
            answer = error_answer(HTTPStatus.NOT_FOUND, message)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)
