"""An InferenceService that lives by KServe's and Knative's rules."""

from dataclasses import dataclass, field, replace

from canary.rollout.actions import Patch
from canary.rollout.service import Condition, Pods, Service, Target
from tests.canary.simulator import rules
from tests.canary.simulator.world import Condition as WorldCondition
from tests.canary.simulator.world import Intent, Revision, World

R0, R1, R2, R3 = (f"r1-predictor-0000{number}" for number in (1, 2, 3, 4))
STABLE = {"containers": [{"name": "kserve-container", "image": "r1:1"}], "minReplicas": 1}
TARGET = {"containers": [{"name": "kserve-container", "image": "r1:2"}], "minReplicas": 1}
OTHERS = {"containers": [{"name": "kserve-container", "image": "r1:3"}], "minReplicas": 1}
TEMPLATES = {"before": {}, "stable": STABLE, "target": TARGET, "others": OTHERS}
# As a newer KServe would write them.
TEMPLATES |= {"new stable": {**STABLE, "timeout": 60}, "new target": {**TARGET, "timeout": 60}}
NEW_KSERVE = {"stable": "new stable", "target": "new target"}
_TRUE, _UNKNOWN = WorldCondition("True"), WorldCondition("Unknown")
_FAILED = WorldCondition("False", "ExitCode1", "it ended")


class Conflict(Exception):
    """The resourceVersion of a patch is not the service's any more."""


@dataclass
class Model:
    """One service; nothing happens in it but by these methods."""

    world: World
    version: int = 1
    uid: str = "u1"
    manager: str = "r1-canary"
    # Fingerprints of templates that never become Ready, and revisions that have crashed.
    broken: set[str] = field(default_factory=set)
    crashed: set[str] = field(default_factory=set)
    # Revisions that are not Ready for now, and say no more.
    unready: set[str] = field(default_factory=set)
    # What admission makes of a template that is written, both by fingerprint.
    admission: dict[str, str] = field(default_factory=dict)
    # Whether Knative's webhook refuses whatever KServe sends.
    is_refused: bool = False
    is_deleted: bool = False
    # Whether KServe's and Knative's controllers run.
    is_stuck: bool = False
    # The world after which, with such pods, a tick changed nothing more.
    _quiet: tuple[World, tuple[set[str], ...]] | None = None

    def tick(self) -> None:
        """Let pods change, then each controller run until nothing changes."""
        if self.is_stuck:
            return
        if self.is_refused:
            self._refuse()
            return
        health = (set(self.broken), set(self.crashed), set(self.unready))
        if self._quiet is not None and self._quiet[0] is self.world and self._quiet[1] == health:
            return
        before = self.world
        for _ in range(2):
            revisions = {n: self._lived(r) for n, r in self.world.revisions.items()}
            world = replace(self.world, revisions=revisions)
            self.world = rules.reconcile_until_stable(world, 0.0)
        self._count(before)
        if self.world == before:
            self._quiet = (self.world, health)

    def _refuse(self) -> None:
        before = self.world
        failed = WorldCondition("False", "ReconcileFailed", "admission webhook denied it")
        conditions = {**self.world.status.conditions, "PredictorReady": failed}
        self.world = replace(self.world, status=replace(self.world.status, conditions=conditions))
        self.is_refused = self.world.intent.template != "stable"
        self._count(before)

    def make_a_revision(self) -> None:
        """Make one of the same template, as a changed admission webhook would."""
        knative = self.world.knative
        assert knative is not None
        self.world = replace(self.world, knative=replace(knative, template=""))
        newest = dict(self.world.revisions)
        newest[knative.latest_created] = replace(newest[knative.latest_created], template="")
        self.world = replace(self.world, revisions=newest)
        self.tick()

    def race(self) -> None:
        """Let the Route and KServe run before the Configuration has made the new revision."""
        before = self.world
        world = rules.reconcile_kserve(self.world)
        self.world = rules.reconcile_kserve(rules.reconcile_route(world))
        self._count(before)

    def edit(
        self, *, percent: int | None, template: str | None = None, manager: str = "kubectl-edit"
    ) -> None:
        """Write the spec, as anybody may."""
        before = self.world
        intent = self.world.intent
        intent = Intent(template=template or intent.template, percent=percent)
        self.world, self.manager = replace(self.world, intent=intent), manager
        self._count(before)

    def apply(self, patch: Patch) -> None:
        """Write a patch where its resourceVersion is still the service's."""
        if patch.resource_version != str(self.version):
            raise Conflict
        fingerprint = None if patch.template is None else patch.template.fingerprint
        assert patch.live.fingerprint == fingerprint or patch.template is None
        written = fingerprint or self.world.intent.template
        written = self.admission.get(written, written)
        self.edit(percent=patch.live.percent, template=written, manager="r1-canary")

    def service(self) -> Service:
        """Return one reading."""
        status, intent = self.world.status, self.world.intent
        return Service(
            name="r1",
            namespace="r1",
            uid=self.uid,
            resource_version=str(self.version),
            generation=self.version,
            is_deleted=self.is_deleted,
            mode="Knative",
            annotations={"serving.kserve.io/enable-tag-routing": "true"},
            labels={},
            template=TEMPLATES[intent.template],
            percent=intent.percent,
            fingerprint=intent.template,
            percent_manager=self.manager,
            latest_created=status.latest_created,
            latest_ready=status.latest_ready,
            rolled_out=status.rolled_out,
            previous_rolled_out=status.previous_rolled_out,
            traffic=tuple(
                Target(t.revision or "", t.percent, t.tag, t.is_latest) for t in status.traffic
            ),
            conditions={
                name: Condition(c.status, c.reason, c.message)
                for name, c in status.conditions.items()
            },
            template_manager=self.manager,
        )

    def pods(self) -> tuple[Pods, ...]:
        """Return one pod of each revision."""
        return tuple(
            Pods(name, int(r.ready.status == "True"), 1, 0, "Error" if name in self.crashed else "")
            for name, r in self.world.revisions.items()
        )

    def users(self) -> dict[str, int]:
        """Return the share of users that the Route gives each revision, in percent."""
        knative = self.world.knative
        assert knative is not None
        shares: dict[str, int] = {}
        for target in knative.routed:
            shares[target.revision or ""] = shares.get(target.revision or "", 0) + target.percent
        return {revision: share for revision, share in shares.items() if share}

    def _lived(self, revision: Revision) -> Revision:
        if revision.name in self.crashed:
            return replace(revision, ready=_FAILED)
        if revision.template in self.broken or revision.name in self.unready:
            return replace(revision, ready=_UNKNOWN)
        return replace(revision, ready=_TRUE)

    def _count(self, before: World) -> None:
        self.version += before != self.world


def serving() -> Model:
    """Return a service that has been rolled out twice: its stable revision is R1, R0 before it."""
    model = Model(World("r1", Intent(template="before", percent=None)))
    model.tick()
    model.edit(percent=None, template="stable")
    model.tick()
    assert (model.service().rolled_out, model.service().previous_rolled_out) == (R1, R0)
    return model
