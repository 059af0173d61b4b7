"""How many pods KEDA and the HPA ask for, by their own queries, evaluated by Prometheus."""

import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from manifests.lint.render import MANIFESTS, Document
from tests.manifests.variants.overlay import build, service_of

PODS = "r1-predictor-7d4b9c6f5-{index}"


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    return path


@pytest.fixture(scope="module")
def keda(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    components = ["standard-mode", "standard-mode/keda"]
    return build(tmp_path_factory.mktemp("keda"), components)


@pytest.fixture(scope="module")
def hpa(tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    return build(tmp_path_factory.mktemp("hpa"), ["standard-mode", "standard-mode/hpa"])


def metrics_of_keda(documents: list[Document]) -> list[tuple[str, float]]:
    """Queries and the values that one pod stands for."""
    metrics = service_of(documents)["spec"]["predictor"]["autoScaling"]["metrics"]
    externals = [metric["external"] for metric in metrics]
    return [(e["metric"]["query"], float(e["target"]["value"])) for e in externals]


def metrics_of_hpa(documents: list[Document]) -> list[tuple[str, float]]:
    """The same, by the queries that prometheus-adapter makes of its rules."""
    path = MANIFESTS / "components/standard-mode/hpa/prometheus-adapter-values.yaml"
    rules = {
        rule["name"]["as"]: rule["metricsQuery"]
        for rule in yaml.safe_load(path.read_text())["rules"]["custom"]
    }
    [spec] = [d.body["spec"] for d in documents if d.kind == "HorizontalPodAutoscaler"]
    return [
        (
            "sum(" + _filled(rules[metric["pods"]["metric"]["name"]]) + ")",
            _number(metric["pods"]["target"]["averageValue"]),
        )
        for metric in spec["metrics"]
    ]


def _filled(rule: str) -> str:
    matchers = 'namespace="r1",pod=~"r1-predictor-.+"'
    return rule.replace("<<.LabelMatchers>>", matchers).replace("<<.GroupBy>>", "pod")


def _number(quantity: str) -> float:
    return int(quantity[:-1]) / 1000 if quantity.endswith("m") else float(quantity)


def check(
    promtool: str,
    workdir: Path,
    metrics: list[tuple[str, float]],
    series: list[dict[str, str]],
    wanted: int,
) -> None:
    """Have promtool reckon as KEDA and the HPA do: the larger of the metrics, each rounded up."""
    largest = " or ".join(
        f'label_replace(ceil(({query}) / {value}), "metric", "{index}", "", "")'
        for index, (query, value) in enumerate(metrics)
    )
    expectation = {
        "expr": f"max({largest})",
        "eval_time": "1m",
        "exp_samples": [{"labels": "{}", "value": wanted}],
    }
    test = {"interval": "15s", "input_series": series, "promql_expr_test": [expectation]}
    path = workdir / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    done = subprocess.run(
        [promtool, "test", "rules", path], check=False, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr


def pods(*states: dict[str, float]) -> list[dict[str, str]]:
    return [
        {
            "series": f'{name}{{namespace="r1",pod="{PODS.format(index=index)}"}}',
            "values": f"{value}x10",
        }
        for index, state in enumerate(states)
        for name, value in state.items()
    ]


def pod(running: int = 0, waiting: int = 0, used: int = 0, blocks: int = 1000) -> dict[str, float]:
    return {
        "r1_sequences_running": running,
        "r1_sequences_waiting": waiting,
        "r1_kv_blocks_used": used,
        "r1_kv_blocks": blocks,
    }


LOADS = [
    pytest.param(pods(pod()), 0, id="idle"),
    pytest.param(pods(pod(running=48, used=300)), 1, id="busy"),
    pytest.param(pods(pod(running=64, used=300)), 2, id="a full batch"),
    pytest.param(pods(pod(running=64, waiting=60, used=400)), 3, id="a queue"),
    pytest.param(pods(pod(running=9, used=950)), 2, id="long contexts"),
    pytest.param(pods(pod(running=64), pod(running=40)), 3, id="two pods"),
    pytest.param(pods(pod(running=9, used=950), pod(blocks=0)), 2, id="one is loading"),
]


@pytest.mark.parametrize(("series", "wanted"), LOADS)
def test_keda_asks_for_as_many_pods_as_the_load_needs(
    promtool: str,
    tmp_path: Path,
    keda: list[Document],
    series: list[dict[str, str]],
    wanted: int,
) -> None:
    check(promtool, tmp_path, metrics_of_keda(keda), series, wanted)


@pytest.mark.parametrize(("series", "wanted"), LOADS)
def test_the_hpa_asks_for_as_many_pods_as_the_load_needs(
    promtool: str,
    tmp_path: Path,
    hpa: list[Document],
    series: list[dict[str, str]],
    wanted: int,
) -> None:
    check(promtool, tmp_path, metrics_of_hpa(hpa), series, wanted)


def test_a_pod_stands_for_three_quarters_of_its_batch(keda: list[Document]) -> None:
    [container] = service_of(keda)["spec"]["predictor"]["containers"]
    [batch] = [arg for arg in container["args"] if arg.startswith("--max-num-seqs=")]
    largest = math.floor(0.75 * int(batch.partition("=")[2]))
    assert metrics_of_keda(keda)[0][1] == largest


def test_keda_never_scales_to_zero(keda: list[Document]) -> None:
    service = service_of(keda)
    assert service["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "keda"
    assert service["spec"]["predictor"]["minReplicas"] == 1


def test_kserve_leaves_the_hpa_alone(hpa: list[Document]) -> None:
    # It looks at the name of the Deployment, whatever the class.
    [autoscaler] = [d for d in hpa if d.kind == "HorizontalPodAutoscaler"]
    assert autoscaler.name != "r1-predictor"
    annotations = service_of(hpa)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/autoscalerClass"] == "external"


def test_the_hpa_has_the_bounds_of_the_service(hpa: list[Document]) -> None:
    [spec] = [d.body["spec"] for d in hpa if d.kind == "HorizontalPodAutoscaler"]
    predictor: dict[str, Any] = service_of(hpa)["spec"]["predictor"]
    bounds = (predictor["minReplicas"], predictor["maxReplicas"])
    assert (spec["minReplicas"], spec["maxReplicas"]) == bounds
