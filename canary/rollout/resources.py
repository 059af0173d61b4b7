"""What a predictor's template asks of the cluster."""

from collections.abc import Iterator, Mapping
from typing import Any

# Where KServe lets a template name one container outside ``containers``.
_IMPLEMENTATIONS = ("model", "custom")


def containers_of(template: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the containers that serve, the predictor's first."""
    yield from template.get("containers") or ()
    for name in _IMPLEMENTATIONS:
        if isinstance(template.get(name), Mapping):
            yield template[name]


def gpus_of(template: Mapping[str, Any]) -> dict[str, int]:
    """Return GPUs per pod by resource name; admission has checked the numbers."""
    counts: dict[str, int] = {}
    for container in containers_of(template):
        resources = container.get("resources") or {}
        asked = {**(resources.get("requests") or {}), **(resources.get("limits") or {})}
        for name, count in asked.items():
            if "/gpu" in name or "/mig-" in name:
                counts[name] = counts.get(name, 0) + int(count)
    return counts


def sources_of(template: Mapping[str, Any]) -> list[str]:
    """Return the ConfigMaps and Secrets that the template's pods read, such as ConfigMap/r1."""
    found = []
    for volume in template.get("volumes") or ():
        if name := (volume.get("configMap") or {}).get("name"):
            found.append(f"ConfigMap/{name}")
        if name := (volume.get("secret") or {}).get("secretName"):
            found.append(f"Secret/{name}")
    for container in containers_of(template):
        references = [*(container.get("envFrom") or ())]
        references += [e.get("valueFrom") or {} for e in container.get("env") or ()]
        for reference in references:
            found += _named(reference)
    return sorted(set(found))


def _named(reference: Mapping[str, Any]) -> list[str]:
    kinds = {
        "configMapRef": "ConfigMap",
        "configMapKeyRef": "ConfigMap",
        "secretRef": "Secret",
        "secretKeyRef": "Secret",
    }
    return [
        f"{kind}/{reference[key]['name']}"
        for key, kind in kinds.items()
        if isinstance(reference.get(key), Mapping) and reference[key].get("name")
    ]
