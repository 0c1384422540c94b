"""What KubeRay's operator accepts: our own schema of the fields that its API reference documents (ray.io/v1).

The operator's own file of the schema is in no package index, so that it cannot be a dependency; this has the fields of
RayCluster and RayService that a user writes, and refuses any other. Those that our manifests have were compared by hand
with the operator's own types. What is inside a pod's template is Kubernetes' own and is held against its schemas
(package `kubernetes-validate`), where unknown fields are refused too.
`TWOFOLD_KUBERAY_CRDS` names a folder with the operator's files, where somebody has them: then they are asked as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import kubernetes_validate

KUBERNETES = "1.32"
COUNT = {"type": "integer", "minimum": 0}
YES = {"type": "boolean"}
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}
WORDS = {"type": "object", "additionalProperties": TEXT}
ANYTHING = {"type": "object"}


def _only(required: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(required), "additionalProperties": False}


AUTOSCALER = _only(
    resources=ANYTHING,
    image=TEXT,
    imagePullPolicy={"enum": ["Always", "Never", "IfNotPresent"]},
    env={"type": "array", "items": ANYTHING},
    envFrom={"type": "array", "items": ANYTHING},
    volumeMounts={"type": "array", "items": ANYTHING},
    securityContext=ANYTHING,
    idleTimeoutSeconds=COUNT,
    upscalingMode={"enum": ["Default", "Aggressive", "Conservative"]},
    version={"enum": ["v1", "v2"]},
)
HEAD = _only(
    ("rayStartParams", "template"),
    serviceType={"enum": ["ClusterIP", "NodePort", "LoadBalancer"]},
    headService=ANYTHING,
    enableIngress=YES,
    rayStartParams=WORDS,
    template=ANYTHING,
)
WORKERS = _only(
    ("groupName", "rayStartParams", "template", "minReplicas", "maxReplicas"),
    groupName={"type": "string", "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    numOfHosts=COUNT,
    idleTimeoutSeconds=COUNT,
    suspend=YES,
    rayStartParams=WORDS,
    template=ANYTHING,
    scaleStrategy=_only(workersToDelete=TEXTS),
)
CLUSTER = _only(
    ("headGroupSpec",),
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
    rayVersion={"type": "string", "pattern": r"^\d+\.\d+\.\d+$"},
    enableInTreeAutoscaling=YES,
    autoscalerOptions=AUTOSCALER,
    headServiceAnnotations=WORDS,
    suspend=YES,
    managedBy=TEXT,
    gcsFaultToleranceOptions=ANYTHING,
)
SERVICE = _only(
    ("rayClusterConfig", "serveConfigV2"),
    serveConfigV2=TEXT,
    rayClusterConfig=CLUSTER,
    serveService=ANYTHING,
    excludeHeadPodFromServeSvc=YES,
    upgradeStrategy=_only(type={"enum": ["NewCluster", "None"]}),
    rayClusterDeletionDelaySeconds=COUNT,
)
META = _only(("name",), name=TEXT, namespace=TEXT, labels=WORDS, annotations=WORDS)
SPECS = {"RayCluster": CLUSTER, "RayService": SERVICE}


def check(manifest: dict[str, Any]) -> None:
    """Raise jsonschema's or Kubernetes' validation error where a manifest would be refused."""
    kind = manifest["kind"]
    if kind not in SPECS:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
        return
    own = _only(
        ("apiVersion", "kind", "metadata", "spec"),
        apiVersion={"const": "ray.io/v1"},
        kind={"const": kind},
        metadata=META,
        spec=SPECS[kind],
    )
    jsonschema.validate(manifest, own)
    for template in templates(manifest):
        pod = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "pod"}, "template": template}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def templates(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return the templates of all pods of a manifest."""
    spec = manifest["spec"].get("rayClusterConfig", manifest["spec"])
    yield from (group["template"] for group in (spec["headGroupSpec"], *spec.get("workerGroupSpecs", [])))
