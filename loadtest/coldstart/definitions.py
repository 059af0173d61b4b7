"""What the names in a cold-start report mean, as the report itself says it."""

from typing import Final

DEFINITIONS: Final = {
    "ttft": "From when the request was begun, connecting included, to the arrival of its first "
    "chunk with text; a cold start without one counts as longer than any other.",
    "e2e": "From when the request was begun to the end of its answer.",
    "connect": "Connecting to the target, TLS included.",
    "activation": "Until Kubernetes made the pod: gateway, activator, autoscaler, Deployment.",
    "scheduling": "Until the pod's condition PodScheduled: a node was found, or was added.",
    "initialization": "Until Initialized: init containers, such as the storage initializer, with "
    "their images, and whatever of volumes and network they need first.",
    "preparation": "Until the pull of the model container's image begins, by the kubelet's events: "
    "volumes and network of a pod without init containers.",
    "pull": "Until the image is on the node; none where it was there.",
    "start": "Until the model's container runs.",
    "load": "Until the pod is Ready: the process starts and loads the model.",
    "forward": "Until the first byte of the answer: the activator sees the pod and forwards.",
    "first_token": "Until the first chunk with text.",
    "+": "Phases between which no moment is known, such as those of the image where events cannot "
    "be read.",
    "phase": "Kubernetes' times are whole seconds: a moment lies within that second, before the "
    "list that first told it came, and after the moments before it. Value is between the middles "
    "of what is left, so that phases are never negative and add up to the whole; low and high "
    "hold the phase as far as the clocks of the cluster's machines agree with its API server's.",
    "clock_skew": "The API server's clock less this machine's, within what the Date headers of its "
    "answers allow; moments of the cluster are converted by it.",
    "max": "Of the cold starts measured, with no claim about others.",
}
