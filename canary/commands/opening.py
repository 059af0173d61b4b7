"""What commands open: the cluster, a service, its rollout as stored."""

import os
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from canary.cluster import connect
from canary.cluster.cluster import Cluster
from canary.cluster.refusals import NotFound
from canary.cluster.store import Store, Stored
from canary.commands.options import split_name
from canary.commands.surroundings import Surroundings
from canary.errors import InputError
from canary.record import outbox
from canary.record.outbox import Outbox
from canary.rollout.service import Service
from canary.rollout.state import Rollout
from canary.rollout.stored import load


@dataclass(frozen=True, slots=True)
class Opened:
    """A service, where its rollout is kept, and what was kept there."""

    cluster: Cluster
    service: Service
    store: Store
    stored: Stored
    surroundings: Surroundings

    def rollout(self) -> Rollout:
        """Return the stored rollout; InputError where there is none."""
        if not self.stored.rollout:
            name = f"{self.service.namespace}/{self.service.name}"
            raise InputError(f"there is no rollout of {name}: `r1-canary run FILE` begins one")
        return load(self.stored.rollout)

    def outbox(self) -> Outbox:
        """Return what was decided last."""
        return outbox.load(self.stored.outbox)


def open_cluster(
    kubeconfig: Path | None, context: str | None, surroundings: Surroundings
) -> Cluster:
    """Return the cluster; raises Unreachable or InputError."""
    return connect(
        kubeconfig,
        context,
        rng=surroundings.rng,
        sleep=surroundings.sleep,
        monotonic=surroundings.monotonic,
    )


def open_service(
    name: str, kubeconfig: Path | None, context: str | None, surroundings: Surroundings
) -> Opened:
    """Return the service called NAMESPACE/NAME and what is stored of it."""
    namespace, service_name = split_name(name)
    cluster = open_cluster(kubeconfig, context, surroundings)
    return find(cluster, namespace, service_name, surroundings)


def find(cluster: Cluster, namespace: str, name: str, surroundings: Surroundings) -> Opened:
    """Return a service and what is stored of it; InputError where it does not exist."""
    try:
        service = cluster.read_service(namespace, name)
    except NotFound:
        raise InputError(f"there is no InferenceService {namespace}/{name}") from None
    store = cluster.store(service)
    return Opened(cluster, service, store, store.read() or Stored(), surroundings)


def holder() -> str:
    """Return a name for the Lease that no other process has."""
    return f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
