"""How often an API server is asked again, and when."""

from dataclasses import dataclass
from http import HTTPStatus
from random import Random
from typing import Final

from canary.cluster.transport import Request, Response

_SERVER_ERROR: Final = 500
_NEVER_BETTER: Final = (HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)


@dataclass(frozen=True, slots=True)
class Retries:
    """Ends well before a Lease of 60 s does."""

    max_attempts: int = 6
    # Seconds before the second attempt, at most; doubled for each further one.
    first_s: float = 0.5
    longest_s: float = 8.0
    # Seconds of all attempts and the waits between.
    budget_s: float = 30.0

    def wait_s(self, num_failures: int, response: Response | None, rng: Random) -> float:
        """Return how long to wait now; never less than the server has asked for.

        Half of it is drawn, so that many clients do not come back at once.
        """
        backoff_s = min(self.longest_s, self.first_s * 2.0 ** (num_failures - 1))
        asked_s = retry_after_s(response) if response is not None else 0.0
        return asked_s + backoff_s * rng.uniform(0.5, 1.0)


# For what is not worth a wait.
ONCE: Final = Retries(max_attempts=1)


def retry_after_s(response: Response) -> float:
    """Return the whole seconds of Retry-After, 0 where there is none (RFC 9110, 10.2.3)."""
    text = response.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else 0.0


def is_worth_another(request: Request, response: Response) -> bool:
    """Tell whether the same request may fare better later.

    410 is about a list's place in history: the same list again begins anew.
    """
    if response.status == HTTPStatus.GONE:
        return request.method == "GET"
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return response.status >= _SERVER_ERROR and response.status not in _NEVER_BETTER
