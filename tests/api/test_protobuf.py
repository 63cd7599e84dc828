"""Protobuf bodies: what stock kubectl sends is understood; what is not understood is refused."""

import pytest

from kubepy.api import schemas
from kubepy.api.protobuf import decode_object, encode_object, table
from kubepy.machinery.errors import StatusError
from kubepy.machinery.meta import Obj

# `kubectl create deployment web2 --image=busybox --replicas=3 --port=80`, as kubectl 1.32.4 puts it on the wire.
CREATE_DEPLOYMENT = bytes.fromhex(
    "6b3873000a150a07617070732f7631120a4465706c6f796d656e7412c0010a21"
    "0a04776562321200"
    "1a002200"
    "2a003200"
    "380042005a0b0a036170701204776562"
    "32128c010803120d0a0b0a036170701204"
    "776562321a710a1d0a0012001a002200"
    "2a003200380042005a0b0a0361707012"
    "04776562321250"
    "12320a07627573"
    "79626f781207627573"
    "79626f782a00320a"
    "0a001000185022002a0042006a007200"
    "800100880100900100a201001a003200"
    "42004a0052005800600068008201008a"
    "01009a0100c2010022020a0028003800"
    "1a0c080010001800200028003800"
    "1a002200"
)


def envelope(api_version: str, kind: str, message: bytes) -> bytes:
    meta = field(1, api_version.encode()) + field(2, kind.encode())
    return b"k8s\0" + field(1, meta) + field(2, message)


def field(number: int, value: bytes) -> bytes:
    assert len(value) < 128
    return bytes([number << 3 | 2, len(value)]) + value


def number(field_number: int, value: int) -> bytes:
    return bytes([field_number << 3, value])


def test_what_kubectl_sends_for_create_deployment() -> None:
    found = decode_object(CREATE_DEPLOYMENT)
    assert (found["apiVersion"], found["kind"]) == ("apps/v1", "Deployment")
    assert found["metadata"] == {"name": "web2", "labels": {"app": "web2"}}
    assert found["spec"]["replicas"] == 3
    assert found["spec"]["selector"] == {"matchLabels": {"app": "web2"}}
    (container,) = found["spec"]["template"]["spec"]["containers"]
    assert container == {"name": "busybox", "image": "busybox", "ports": [{"containerPort": 80}]}


def test_a_pointer_to_zero_is_kept_and_an_unset_number_is_not() -> None:
    spec = number(1, 0) + number(5, 0)
    found = decode_object(envelope("apps/v1", "Deployment", field(2, spec)))
    assert found["spec"] == {"replicas": 0}


def test_bytes_become_base64_and_quantities_text() -> None:
    entry = field(1, b"k") + field(2, b"\xff\x00")
    secret = decode_object(envelope("v1", "Secret", field(2, entry)))
    assert secret["data"] == {"k": "/wA="}
    hard = field(1, b"cpu") + field(2, field(1, b"500m"))
    quota = decode_object(envelope("v1", "ResourceQuota", field(2, field(1, hard))))
    assert quota["spec"]["hard"] == {"cpu": "500m"}


def test_int_or_string_is_either() -> None:
    for encoded, expected in ((number(1, 0) + number(2, 8), 8), (number(1, 1) + field(3, b"50%"), "50%")):
        found = decode_object(envelope("policy/v1", "PodDisruptionBudget", field(2, field(1, encoded))))
        assert found["spec"]["minAvailable"] == expected


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"k8s\0\xff\xff\xff",
        envelope("apps/v1", "Deployment", b"\x0a\x7f"),
        envelope("apps/v1", "Nothing", b""),
        envelope("apps/v1", "Deployment", field(15, b"x")),
        envelope("apps/v1", "Deployment", number(2, 7)),
    ],
)
def test_what_cannot_be_understood_whole_is_refused(body: bytes) -> None:
    with pytest.raises(StatusError) as caught:
        decode_object(body)
    assert caught.value.code == 400


def test_every_name_in_the_table_is_a_field_of_the_schema() -> None:
    store = schemas.store()
    messages = table.messages()
    for message, fields in messages.items():
        if message not in store:
            assert any(
                message.endswith(f".{f.name}") for m in messages.values() for f in m.values() if f.inline
            )
            continue
        known = set(store.definition(message).properties)
        assert {f.name for f in fields.values() if not f.inline} <= known, message


FULL_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {
        "name": "p",
        "labels": {"a": "b"},
        "creationTimestamp": "2026-11-21T09:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "managedFields": [
            {
                "manager": "m",
                "operation": "Apply",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:data": {"f:a": {}}},
            }
        ],
    },
    "spec": {
        "containers": [
            {
                "name": "c",
                "image": "busybox",
                "env": [
                    {
                        "name": "X",
                        "valueFrom": {"configMapKeyRef": {"name": "cm", "key": "k", "optional": False}},
                    }
                ],
                "resources": {"limits": {"cpu": "500m", "memory": "1Gi"}},
                "livenessProbe": {"httpGet": {"path": "/", "port": "http"}, "periodSeconds": 3},
                "securityContext": {"runAsUser": 0, "capabilities": {"drop": ["ALL"]}},
            }
        ],
        "ephemeralContainers": [{"name": "d", "image": "busybox", "targetContainerName": "c"}],
        "volumes": [
            {"name": "v", "emptyDir": {}},
            {
                "name": "w",
                "projected": {"sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 600}}]},
            },
        ],
        "securityContext": {"supplementalGroups": [1, 2, 3]},
        "tolerations": [{"key": "k", "operator": "Exists", "tolerationSeconds": 0}],
        "terminationGracePeriodSeconds": 0,
    },
}
OTHERS = [
    {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenReview",
        "metadata": {},
        "status": {"user": {"username": "u", "extra": {"k": ["a", "b"]}}},
    },
    {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": "l"},
        "spec": {"renewTime": "2026-11-21T09:00:00.123456Z", "leaseTransitions": 0},
    },
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "s"},
        "data": {"k": "/wA="},
        "immutable": False,
    },
    {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "x"},
        "spec": {
            "group": "g",
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "maximum": 1.5,
                            "default": {"a": [1, None]},
                            "additionalProperties": {"type": "string"},
                            "items": {"type": "integer"},
                        }
                    },
                }
            ],
        },
    },
]


@pytest.mark.parametrize("obj", [FULL_POD, *OTHERS], ids=lambda o: str(o["kind"]))
def test_what_is_encoded_decodes_to_the_same(obj: Obj) -> None:
    assert decode_object(encode_object(obj)) == {k: v for k, v in obj.items() if v != {}}


def test_lists_and_status_have_a_form_too() -> None:
    listed = {
        "kind": "PodList",
        "apiVersion": "v1",
        "metadata": {"resourceVersion": "7"},
        "items": [{**FULL_POD}],
    }
    found = decode_object(encode_object(listed))
    assert found["metadata"] == {"resourceVersion": "7"}
    assert found["items"][0]["spec"] == FULL_POD["spec"]
    status = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": 404,
        "details": {"name": "x"},
    }
    assert decode_object(encode_object(status))["code"] == 404
