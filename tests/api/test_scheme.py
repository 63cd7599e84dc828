"""The scheme: resources, decoding, defaulting, preparation."""

import subprocess
import sys
from typing import Any

import pytest

from kubepy.api import resources
from kubepy.api.resources import DEPLOYMENTS, EVENTS, JOBS, NODES, PODS
from kubepy.api.schemas import definition_name, store
from kubepy.api.scheme import SCHEME
from kubepy.machinery.errors import StatusError
from kubepy.machinery.gvk import GVK
from kubepy.machinery.meta import deep_copy

Obj = dict[str, Any]
POD = GVK("", "v1", "Pod")
DEPLOYMENT = GVK("apps", "v1", "Deployment")


def pod(**spec: Any) -> Obj:
    spec.setdefault("containers", [{"name": "c", "image": "i"}])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": spec}


def deployment(**spec: Any) -> Obj:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "c", "image": "i:1"}]}}
    spec = {"selector": {"matchLabels": {"a": "b"}}, "template": template, **spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "d", "namespace": "n"},
        "spec": spec,
    }


def test_every_resource_has_a_schema() -> None:
    missing = [r.gvk for r in resources.RESOURCES if definition_name(r.gvk) not in store()]
    assert missing == []


def test_every_ga_kind_of_the_schema_is_served() -> None:
    served = {r.gvk for r in resources.RESOURCES}
    served |= {s.gvk for r in resources.RESOURCES for s in r.subresources}
    lost = set()
    for name, definition in store().definitions.items():
        kinds = definition.get("x-kubernetes-group-version-kind") or ()
        if len(kinds) != 1 or "metadata" not in definition.get("properties", {}) or name.endswith("List"):
            continue
        gvk = GVK(kinds[0]["group"], kinds[0]["version"], kinds[0]["kind"])
        if "alpha" not in gvk.version and "beta" not in gvk.version and gvk.kind != "Status":
            lost |= {gvk} - served
    assert lost == set()


def test_resources_as_discovery_shows_them() -> None:
    deployments = SCHEME.resource(DEPLOYMENTS)
    assert (deployments.kind_list, deployments.short_names, deployments.categories) == (
        "DeploymentList",
        ("deploy",),
        ("all",),
    )
    scale = deployments.subresource("scale")
    assert scale is not None
    assert scale.gvk == GVK("autoscaling", "v1", "Scale")
    assert SCHEME.resource(NODES).storage_path == "minions"
    assert resources.HPAS_V1.version == "v1"
    assert SCHEME.resource(resources.EVENTS_V1).storage_gvr == EVENTS
    assert resources.BY_NAME["hpa"].gvk.version == "v2"
    assert resources.BY_NAME["ev"].gvr == EVENTS
    plurals = {r.plural for r in resources.RESOURCES}
    assert {"endpoints", "networkpolicies", "ingressclasses", "storageclasses", "priorityclasses"} <= plurals


def test_constants_do_not_load_the_schema() -> None:
    code = (
        "import sys, kubepy.api.resources, kubepy.api.scheme; from kubepy.api import schemas; "
        "sys.exit(schemas.store.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_null_inside_a_map_is_go_s_zero() -> None:
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": None}}}
    SCHEME.kind_of(quota).decode(quota)
    assert quota["spec"] == {"hard": {"pods": "0"}}


def test_decoding_drops_nulls_and_canonicalizes_quantities() -> None:
    obj = pod(
        containers=[{"name": "c", "image": "i", "resources": {"limits": {"cpu": 0.5, "memory": "1.5Gi"}}}]
    )
    obj["metadata"]["creationTimestamp"] = None
    assert SCHEME.decode(POD, obj) == []
    assert "creationTimestamp" not in obj["metadata"]
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {"cpu": "500m", "memory": "1536Mi"}


def test_unknown_fields_are_dropped_and_reported() -> None:
    obj = pod(containers=[{"name": "c", "image": "i", "imag": "j"}], foo={"bar": 1})
    strict = deep_copy(obj)
    assert SCHEME.decode(POD, obj) == [
        'unknown field "spec.containers[0].imag"',
        'unknown field "spec.foo"',
    ]
    assert obj == pod()
    with pytest.raises(StatusError) as error:
        SCHEME.decode(POD, strict, strict=True)
    assert error.value.message == (
        'Pod in version "v1" cannot be handled as a Pod: strict decoding error: '
        'unknown field "spec.containers[0].imag", unknown field "spec.foo"'
    )
    assert error.value.code == 400


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        (
            {"replicas": "3"},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32",
        ),
        (
            {"template": {"spec": {"containers": [{"env": [{"name": "a", "value": 1}]}]}}},
            "json: cannot unmarshal number into Go struct field "
            "EnvVar.spec.template.spec.containers.env.value of type string",
        ),
        (
            {"template": {"spec": {"containers": {}}}},
            "json: cannot unmarshal object into Go struct field "
            "PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            {"paused": "yes"},
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type bool",
        ),
        (
            {"template": {"spec": {"containers": [{"resources": {"limits": {"cpu": "lots"}}}]}}},
            "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
    ],
)
def test_wrong_types_are_refused_in_the_words_of_go(change: Obj, detail: str) -> None:
    with pytest.raises(StatusError) as error:
        SCHEME.decode(DEPLOYMENT, deployment(**change))
    prefix = 'Deployment in version "v1" cannot be handled as a Deployment: '
    assert error.value.message == prefix + detail


def test_recursive_schemas_decode() -> None:
    properties = {"spec": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}}}
    schema = {"openAPIV3Schema": {"type": "object", "properties": properties, "x": 1}}
    crd: Obj = {"spec": {"versions": [{"name": "v1", "schema": schema}]}}
    gvk = GVK("apiextensions.k8s.io", "v1", "CustomResourceDefinition")
    assert SCHEME.decode(gvk, crd) == ['unknown field "spec.versions[0].schema.openAPIV3Schema.x"']


def test_pod_defaults() -> None:
    obj = pod(
        containers=[
            {
                "name": "c",
                "image": "reg:5000/i",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "livenessProbe": {"httpGet": {"port": 80}},
            }
        ],
        volumes=[{"name": "e"}, {"name": "s", "secret": {"secretName": "x"}}],
        hostNetwork=True,
    )
    SCHEME.kind_of(obj).default(obj)
    spec, container = obj["spec"], obj["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "Always"
    assert container["resources"]["requests"] == {"cpu": "1"}
    assert container["ports"] == [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]
    assert container["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "timeoutSeconds": 1,
        "periodSeconds": 10,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert spec["volumes"] == [
        {"name": "e", "emptyDir": {}},
        {"name": "s", "secret": {"secretName": "x", "defaultMode": 420}},
    ]
    assert (spec["restartPolicy"], spec["dnsPolicy"], spec["enableServiceLinks"]) == (
        "Always",
        "ClusterFirst",
        True,
    )


def test_defaults_are_idempotent_for_every_kind() -> None:
    for resource in SCHEME.resources:
        obj: Obj = {"apiVersion": resource.gvk.api_version, "kind": resource.kind, "metadata": {"name": "x"}}
        SCHEME.kind_of(obj).default(obj)
        once = deep_copy(obj)
        SCHEME.kind_of(obj).default(obj)
        assert obj == once, resource.kind
        assert SCHEME.decode(resource.gvk, obj) == [], resource.kind
        assert obj == once, resource.kind


def test_workload_defaults() -> None:
    obj = deployment()
    SCHEME.kind_of(obj).default(obj)
    spec = obj["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert "enableServiceLinks" not in spec["template"]["spec"]
    service: Obj = {"apiVersion": "v1", "kind": "Service", "spec": {"ports": [{"port": 80}]}}
    SCHEME.kind_of(service).default(service)
    assert service["spec"] == {
        "type": "ClusterIP",
        "sessionAffinity": "None",
        "internalTrafficPolicy": "Cluster",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
    }
    secret: Obj = {"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "b"}}
    SCHEME.kind_of(secret).default(secret)
    assert secret == {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "data": {"a": "Yg=="}}


def test_create_drops_status_and_starts_the_generation() -> None:
    obj = deployment()
    obj["status"] = {"replicas": 7}
    SCHEME.kind_of(obj).prepare_for_create(obj)
    assert "status" not in obj
    assert obj["metadata"]["generation"] == 1
    node: Obj = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "status": {"capacity": {}}}
    SCHEME.kind_of(node).prepare_for_create(node)
    assert node["status"] == {"capacity": {}}
    created = pod(containers=[{"name": "c", "resources": {"requests": {"cpu": "1"}}}])
    SCHEME.kind_of(created).prepare_for_create(created)
    assert created["status"] == {"phase": "Pending", "qosClass": "Burstable"}


def test_each_road_of_update_keeps_what_it_may_not_change() -> None:
    old = deployment(replicas=1)
    old["metadata"] |= {"uid": "u", "generation": 4, "creationTimestamp": "t"}
    old["status"] = {"replicas": 1}
    new = deployment(replicas=2)
    new["status"] = {"replicas": 9}
    main = deep_copy(new)
    SCHEME.kind_of(main).prepare_for_update(main, old)
    assert main["status"] == {"replicas": 1}
    assert main["metadata"]["generation"] == 5
    assert main["metadata"]["uid"] == "u"
    status = deep_copy(new)
    SCHEME.kind_of(status).prepare_for_update(status, old, "status")
    assert status["spec"]["replicas"] == 1
    assert status["status"] == {"replicas": 9}
    assert status["metadata"]["generation"] == 4
    same = deep_copy(old)
    same["metadata"]["labels"] = {"x": "y"}
    SCHEME.kind_of(same).prepare_for_update(same, old)
    assert same["metadata"]["generation"] == 4
    annotated = deep_copy(old)
    annotated["metadata"]["annotations"] = {"x": "y"}
    SCHEME.kind_of(annotated).prepare_for_update(annotated, old)
    assert annotated["metadata"]["generation"] == 5


def test_jobs_get_a_selector_of_their_own() -> None:
    job: Obj = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "uid": "u1"},
        "spec": {"template": {"spec": {"containers": [], "restartPolicy": "Never"}}},
    }
    SCHEME.kind_of(job).default(job)
    SCHEME.kind_of(job).prepare_for_create(job)
    assert job["spec"]["selector"] == {"matchLabels": {"batch.kubernetes.io/controller-uid": "u1"}}
    assert job["spec"]["template"]["metadata"]["labels"]["job-name"] == "j"


def test_services_keep_what_the_server_allocated() -> None:
    def service(**spec: Any) -> Obj:
        return {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": spec}

    port = {"port": 80, "protocol": "TCP"}
    old = service(
        type="NodePort",
        clusterIP="10.96.0.9",
        clusterIPs=["10.96.0.9"],
        ports=[{**port, "nodePort": 30001}],
        externalTrafficPolicy="Cluster",
    )
    new = service(type="NodePort", ports=[dict(port)], externalTrafficPolicy="Cluster")
    SCHEME.kind_of(new).prepare_for_update(new, old)
    assert new["spec"]["clusterIPs"] == ["10.96.0.9"]
    assert new["spec"]["ports"][0]["nodePort"] == 30001
    plain = deep_copy(old)
    plain["spec"]["type"] = "ClusterIP"
    SCHEME.kind_of(plain).prepare_for_update(plain, old)
    assert plain["spec"]["ports"] == [port]
    assert "externalTrafficPolicy" not in plain["spec"]


def test_field_values() -> None:
    obj = pod(nodeName="w1", hostNetwork=True)
    values = SCHEME.kind(PODS).field_values(obj)
    assert values["spec.nodeName"] == "w1"
    assert values["spec.hostNetwork"] == "true"
    assert values["status.phase"] == ""
    assert set(values) == SCHEME.kind(PODS).selectable_fields
    assert SCHEME.kind(JOBS).field_values({"status": {"succeeded": 2}})["status.successful"] == "2"
    assert SCHEME.kind(NODES).field_values({})["spec.unschedulable"] == "false"
    event = {"involvedObject": {"name": "p"}, "reportingComponent": "kubelet"}
    assert SCHEME.kind(EVENTS).field_values(event)["source"] == "kubelet"
