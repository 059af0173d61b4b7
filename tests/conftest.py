"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--crd-dir",
        help="Folder with the CRDs of KServe, Knative, Istio, prometheus-operator and KEDA.",
    )
