"""A namespace of the API server with an InferenceService in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.loadtest.coldstart.kubelet import Kubelet

SERVICE = "r1"


@pytest.fixture
def kubelet(kubeconfig: Path) -> Iterator[Kubelet]:
    """Plays kubelet, scheduler and autoscaler in a namespace of its own."""
    player = Kubelet(kubeconfig, SERVICE)
    yield player
    player.close()
