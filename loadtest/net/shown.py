"""URLs as errors and reports may show them."""

from urllib.parse import urlsplit


def shown_url(url: str) -> str:
    """Return the URL without its user, and with '?…' for its query: either may be a credential.

    Of what is no URL and has an '@' or a '?' nothing is shown but '…'.
    """
    if not {"@", "?", "#"}.intersection(url):
        return url
    try:
        parts = urlsplit(url)
        is_whole = bool(parts.scheme and parts.hostname) and parts.port != 0
    except ValueError:
        is_whole = False
    if not is_whole:
        return "…"
    host = parts.netloc.rpartition("@")[2]
    query = "?…" if parts.query else ""
    return f"{parts.scheme}://{host}{parts.path}{query}"
