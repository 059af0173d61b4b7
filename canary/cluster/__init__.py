"""The Kubernetes cluster: the InferenceService, a rollout's state, its lock, its Events.

``connection`` alone imports the kubernetes client. ``api`` sends a request until it is answered, or
says that it was not; what stands above it is about objects, and runs against any ``Transport``.
"""

from canary.cluster.cluster import Cluster
from canary.cluster.connection import connect

__all__ = ["Cluster", "connect"]
