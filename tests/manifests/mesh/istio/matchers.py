"""Istio's patterns as Envoy's matchers: ``*`` alone, in front or behind, else exact."""

from tests.manifests.mesh.istio.objects import Json, Untranslated


def string(value: str, *, prefix: str = "") -> Json:
    if value == "*":
        return regex(".+")
    if "*" in value[1:-1]:
        raise Untranslated(f"* inside {value}")
    if value.startswith("*"):
        return regex(f"{prefix}.*{value[1:]}") if prefix else {"suffix": value[1:]}
    if value.endswith("*"):
        return {"prefix": prefix + value[:-1]}
    return {"exact": prefix + value}


def regex(pattern: str) -> Json:
    return {"safe_regex": {"regex": pattern}}


def header(name: str, value: str, *, ignore_case: bool = False) -> Json:
    if value == "*":
        return {"name": name, "present_match": True}
    return {"name": name, "string_match": string(value) | {"ignore_case": ignore_case}}


def claim(name: str, values: list[str]) -> Json:
    """A verified token's claim, which is a string or a list."""
    options = [{"string_match": string(value)} for value in values]
    lists = [{"list_match": {"one_of": option}} for option in options]
    return {
        "metadata": {
            "filter": "envoy.filters.http.jwt_authn",
            "path": [{"key": "payload"}, {"key": name}],
            "value": {"or_match": {"value_matchers": [*options, *lists]}},
        }
    }
