"""Traps that wait in a template or a plan, before anything has happened; see traps."""

from collections.abc import Iterator

from canary.plan import RolloutPlan
from canary.rollout.begin import TAG_ROUTING
from canary.rollout.resources import containers_of, sources_of
from canary.rollout.service import Service
from canary.rollout.trap import Trap
from canary.settings import parse_duration

_PROGRESS_DEADLINE = "serving.knative.dev/progress-deadline"
_KNATIVE_DEADLINE_S = 600.0
_AUTOSCALER = "serving.kserve.io/autoscalerClass"
_GITOPS = (
    "argocd.argoproj.io/tracking-id",
    "argocd.argoproj.io/instance",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
)
# "prev-NAME-predictor" is one DNS label.
_MAX_NAME = 48


def tag_routing(service: Service) -> Iterator[Trap]:
    if service.annotations.get(TAG_ROUTING) != "true":
        yield Trap(
            "no-tag-routing",
            f"the annotation {TAG_ROUTING} is not true: the new revision has no host of its own, "
            "so users are the first to ask it; adding it makes a revision",
            "add it now, as a rollout of its own",
        )


def scale_to_zero(service: Service) -> Iterator[Trap]:
    if service.template.get("minReplicas", 1) == 0:
        yield Trap(
            "scale-to-zero",
            "minReplicas is 0: the old revision is cold when it is compared and when it is needed "
            "again, and a canary with few users goes to zero between two of them",
            "set min_replicas: 1 in the rollout file, where restore puts 0 back after the "
            "promotion",
        )


def autoscaler(service: Service) -> Iterator[Trap]:
    scaler = service.annotations.get(_AUTOSCALER)
    if scaler is not None and service.mode == "Knative":
        yield Trap(
            "autoscaler-class",
            f"{_AUTOSCALER} is {scaler}, which Knative mode has no use for: it scales by "
            "autoscaling.knative.dev/class",
            "remove it, as a rollout of its own",
        )


def gitops(service: Service) -> Iterator[Trap]:
    marks = sorted({*service.annotations, *service.labels} & set(_GITOPS))
    if marks:
        yield Trap(
            "gitops",
            f"{marks[0]} says that a repository is applied to the service: its next sync writes "
            "the old template back in the middle of a rollout, which makes a revision",
            "let it ignore spec.predictor, or stop it for the rollout; after 100 write the new "
            "template into the repository",
        )


def shared_settings(service: Service) -> Iterator[Trap]:
    for source in sources_of(service.template):
        yield Trap(
            "shared-settings",
            f"{source} is read by both revisions: an edit of it reaches all users at once, with "
            "no canary",
            "leave it alone during a rollout; give a changed copy another name",
        )


def moving_tag(service: Service) -> Iterator[Trap]:
    for container in containers_of(service.template):
        image = str(container.get("image", ""))
        name = image.rsplit("/", 1)[-1]
        if image and "@" not in image and (":" not in name or name.endswith(":latest")):
            yield Trap(
                "moving-tag",
                f"the image {image} has no version: pushing another one makes no revision, and "
                "a rollback may bring back something else",
                "name a version, or better a digest",
            )


def long_name(service: Service) -> Iterator[Trap]:
    if len(service.name) > _MAX_NAME:
        yield Trap(
            "long-name",
            f"{service.name} has {len(service.name)} letters, must have at most {_MAX_NAME}: the "
            "tag hosts would not be valid names",
            "create the service with a shorter name",
        )


def no_gate(service: Service, plan: RolloutPlan) -> Iterator[Trap]:
    if plan.gate is None:
        yield Trap(
            "no-gate",
            "gate is null: wrong answers at the same speed are seen by no metric",
            "leave the gate in",
        )


def min_replicas(service: Service, plan: RolloutPlan) -> Iterator[Trap]:
    old = service.template.get("minReplicas", 1)
    if plan.restore is None and plan.min_replicas not in (None, old):
        yield Trap(
            "min-replicas-stay",
            f"min_replicas {plan.min_replicas} is part of the new revision's template and stays "
            f"after 100; putting {old} back makes a revision",
            "give restore, whose second rollout puts the manifest's own minReplicas back",
        )


def progress_deadline(service: Service, plan: RolloutPlan) -> Iterator[Trap]:
    own = service.template.get("annotations") or {}
    text = own.get(_PROGRESS_DEADLINE, service.annotations.get(_PROGRESS_DEADLINE))
    try:
        deadline_s = _KNATIVE_DEADLINE_S if text is None else parse_duration(text)
    except ValueError:
        return
    if deadline_s < plan.limits.start:
        yield Trap(
            "progress-deadline",
            f"Knative gives a revision up after {deadline_s:g} s, before limits.start, "
            f"{plan.limits.start:g} s",
            f"set {_PROGRESS_DEADLINE} in spec.predictor.annotations to the longer of both",
        )


def low_bake(service: Service, plan: RolloutPlan) -> Iterator[Trap]:
    restoring = plan.restoring
    bakes = {"bake": plan.bake, **({"restore.bake": restoring.bake} if restoring else {})}
    for name, bake in bakes.items():
        if bake.percent < 90:
            yield Trap(
                "low-bake",
                f"{name} is at {bake.percent} %: the last jump, to 100, is the one after which "
                "the old revision loses its minimum scale, and nobody has seen the new one carry "
                "it",
                f"set {name}.percent to 95",
            )
