"""A PodMonitor as the scrape configuration that prometheus-operator makes of it."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.manifests.monitoring.rules import quicken


def scrape_configs(monitor: dict[str, Any], targets_dir: Path, times: int) -> list[dict[str, Any]]:
    """Return one job for each endpoint, whose targets lie in ``targets_dir`` by port name.

    Everything is ``times`` as quick. What the operator adds: the object's name as the job, the
    port as the endpoint, and where the pod is. Kubernetes' discovery becomes files whose labels
    are those that it would give.
    """
    meta, spec = monitor["metadata"], monitor["spec"]
    return [
        {
            "job_name": f"podMonitor/{meta['namespace']}/{meta['name']}/{index}",
            "honor_labels": endpoint["honorLabels"],
            "scrape_interval": quicken(endpoint["interval"], times),
            "scrape_timeout": quicken(endpoint["scrapeTimeout"], times),
            "metrics_path": endpoint["path"],
            "sample_limit": spec["sampleLimit"],
            "file_sd_configs": [{"files": [str(targets_dir / f"{endpoint['port']}.yaml")]}],
            "relabel_configs": [
                _copied("__meta_kubernetes_namespace", "namespace"),
                _copied("__meta_kubernetes_pod_container_name", "container"),
                _copied("__meta_kubernetes_pod_name", "pod"),
                {"target_label": "job", "replacement": f"{meta['namespace']}/{meta['name']}"},
                {"target_label": "endpoint", "replacement": endpoint["port"]},
                *map(_snake, endpoint.get("relabelings", [])),
            ],
            "metric_relabel_configs": [*map(_snake, endpoint.get("metricRelabelings", []))],
        }
        for index, endpoint in enumerate(spec["podMetricsEndpoints"])
    ]


def write_targets(targets_dir: Path, port: str, container: str, address: str) -> None:
    """Write one address as two pods of the service, a stable and a new revision's."""
    pods = [
        {
            "targets": [address],
            "labels": {
                "__meta_kubernetes_namespace": "r1",
                "__meta_kubernetes_pod_name": f"{revision}-deployment-x",
                "__meta_kubernetes_pod_container_name": container,
                "__meta_kubernetes_pod_label_serving_knative_dev_revision": revision,
                "__meta_kubernetes_pod_label_serving_knative_dev_service": "r1-predictor",
            },
        }
        for revision in ("r1-predictor-00007", "r1-predictor-00008")
    ]
    targets_dir.joinpath(f"{port}.yaml").write_text(yaml.safe_dump(pods))


def _copied(source: str, target: str) -> dict[str, Any]:
    return {"source_labels": [source], "target_label": target}


def _snake(relabeling: dict[str, Any]) -> dict[str, Any]:
    return {re.sub("[A-Z]", lambda m: f"_{m.group().lower()}", k): v for k, v in relabeling.items()}
