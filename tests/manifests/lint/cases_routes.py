"""Routes that do not wait for a generation."""

import pytest

CASES = [
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {("spec", "http", 8, "timeout"): "60s"},
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            'spec.http[8].timeout = "60s": must be at least the predictor\'s timeout, 660 '
            "(ours)"
        ),
        id="a-generation-cut-off",
    ),
    pytest.param(
        "components/external-gateway",
        "VirtualService/r1-external",
        {("spec", "http", 7, "match"): [{"uri": {"prefix": "/v2"}}]},
        (
            "components/external-gateway/virtualservice.yaml: VirtualService/r1-external: "
            'spec.http[7].timeout = "10s": must be at least the predictor\'s timeout, 660 '
            "(ours)"
        ),
        id="a-read-s-timeout-for-every-method",
    ),
]
