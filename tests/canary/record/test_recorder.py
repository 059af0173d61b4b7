import json
import os

import pytest

from canary.record.audit import AuditFile, read_audit
from canary.record.own_metrics import OwnMetrics
from canary.record.recorder import Recorder, open_recorder
from tests.canary.record.receiver import receive
from tests.canary.record.story import tell_rollback


def tell(recorder: Recorder) -> None:
    for scene in tell_rollback():
        recorder.record(scene.before, scene.advance, scene.judged, scene.sample, scene.now)


def test_every_place_is_told(tmp_path):
    said: list[str] = []
    with receive() as webhook, receive() as collector:
        (tmp_path / "url").write_text(webhook.url)
        recorder = open_recorder(
            said.append,
            audit=tmp_path / "audit.jsonl",
            webhook_url_file=tmp_path / "url",
            webhook_format="slack",
            metrics_host="127.0.0.1",
            metrics_port=0,
            otlp_endpoint=collector.url,
        )
        tell(recorder)
        recorder.close()
    entries = read_audit(tmp_path / "audit.jsonl").entries
    assert len(entries) == 17
    assert [entry.plan is not None for entry in entries[:3]] == [True, False, False]
    assert "RolledBack" in json.loads(webhook.bodies[-1])["text"]
    assert collector.bodies
    assert said == []


def test_a_recorder_of_nothing_keeps_the_last_decisions_and_findings():
    recorder = open_recorder(
        print,
        audit=None,
        webhook_url_file=None,
        webhook_format="json",
        metrics_host="127.0.0.1",
        metrics_port=None,
        otlp_endpoint=None,
    )
    tell(recorder)
    recorder.close()
    assert [told.note.reason for told in recorder.told][-2:] == ["RollbackBegun", "RolledBack"]
    assert recorder.judged is not None
    assert recorder.judged.verdict == "roll_back"


def test_a_full_disk_is_told_once_and_the_rest_goes_on(tmp_path):
    said: list[str] = []
    metrics = OwnMetrics()
    audit = AuditFile(tmp_path / "audit.jsonl")
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, audit.fileno())
    recorder = Recorder(said.append, audit=audit, metrics=metrics)
    tell(recorder)
    recorder.close()
    os.close(full)
    assert said == ["the audit is not written: No space left on device; the rollout goes on"]
    of = {"namespace": "models", "service": "r1", "phase": "rolled_back"}
    assert metrics.registry.get_sample_value("r1_canary_phase", of) == 1


@pytest.mark.parametrize("format_name", ["json", "slack"])
def test_both_forms_of_a_notification_say_the_decision(tmp_path, format_name):
    with receive() as webhook:
        (tmp_path / "url").write_text(webhook.url)
        recorder = open_recorder(
            print,
            audit=None,
            webhook_url_file=tmp_path / "url",
            webhook_format=format_name,
            metrics_host="127.0.0.1",
            metrics_port=None,
            otlp_endpoint=None,
        )
        tell(recorder)
        recorder.close()
    assert len(webhook.bodies) == 7
    assert b"RolledBack" in webhook.bodies[-1]
