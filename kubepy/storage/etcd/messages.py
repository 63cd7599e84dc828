"""The messages of etcd's v3 API that a storage needs, as protobuf classes made here.

Names and numbers are those of the API reference (etcd.io, "API reference"). Fields that are never read or
sent are left out: protobuf skips what it does not know. Enumerations are plain integers, and members of a
oneof plain fields; on the wire that is the same.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "etcdserverpb"
_FILE = "kubepy/storage/etcd.proto"

EQUAL = 0  # Compare.result
VERSION, MOD = 0, 2  # Compare.target
DELETE = 1  # Event.type

# Message -> fields as "name number type"; "*" in front of a type: repeated; capital letter: another message.
_MESSAGES: dict[str, str] = {
    "ResponseHeader": "cluster_id 1 uint64, member_id 2 uint64, revision 3 int64, raft_term 4 uint64",
    "KeyValue": "key 1 bytes, create_revision 2 int64, mod_revision 3 int64, version 4 int64, value 5 bytes,"
    " lease 6 int64",
    "Event": "type 1 int32, kv 2 KeyValue, prev_kv 3 KeyValue",
    "RangeRequest": "key 1 bytes, range_end 2 bytes, limit 3 int64, revision 4 int64, serializable 7 bool,"
    " keys_only 8 bool, count_only 9 bool",
    "RangeResponse": "header 1 ResponseHeader, kvs 2 *KeyValue, more 3 bool, count 4 int64",
    "PutRequest": "key 1 bytes, value 2 bytes, lease 3 int64",
    "PutResponse": "header 1 ResponseHeader",
    "DeleteRangeRequest": "key 1 bytes, range_end 2 bytes",
    "DeleteRangeResponse": "header 1 ResponseHeader, deleted 2 int64",
    "RequestOp": "request_range 1 RangeRequest, request_put 2 PutRequest,"
    " request_delete_range 3 DeleteRangeRequest",
    "ResponseOp": "response_range 1 RangeResponse, response_put 2 PutResponse,"
    " response_delete_range 3 DeleteRangeResponse",
    "Compare": "result 1 int32, target 2 int32, key 3 bytes, version 4 int64, mod_revision 6 int64",
    "TxnRequest": "compare 1 *Compare, success 2 *RequestOp, failure 3 *RequestOp",
    "TxnResponse": "header 1 ResponseHeader, succeeded 2 bool, responses 3 *ResponseOp",
    "CompactionRequest": "revision 1 int64, physical 2 bool",
    "CompactionResponse": "header 1 ResponseHeader",
    "WatchCreateRequest": "key 1 bytes, range_end 2 bytes, start_revision 3 int64, progress_notify 4 bool,"
    " prev_kv 6 bool",
    "WatchRequest": "create_request 1 WatchCreateRequest",
    "WatchResponse": "header 1 ResponseHeader, watch_id 2 int64, created 3 bool, canceled 4 bool,"
    " compact_revision 5 int64, cancel_reason 6 string, events 11 *Event",
    "LeaseGrantRequest": "TTL 1 int64, ID 2 int64",
    "LeaseGrantResponse": "header 1 ResponseHeader, ID 2 int64, TTL 3 int64, error 4 string",
    "StatusRequest": "",
    "StatusResponse": "header 1 ResponseHeader, version 2 string, dbSize 3 int64, leader 4 uint64,"
    " raftIndex 5 uint64, raftTerm 6 uint64",
    "SnapshotRequest": "",
    "SnapshotResponse": "header 1 ResponseHeader, remaining_bytes 2 uint64, blob 3 bytes",
}


def _field(descriptor: descriptor_pb2.DescriptorProto, text: str) -> None:
    name, number, kind = text.split()
    field = descriptor.field.add(name=name, number=int(number))
    field.label = (
        descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
        if kind.startswith("*")
        else descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
    )
    kind = kind.lstrip("*")
    if kind[0].isupper():
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
        field.type_name = f".{_PACKAGE}.{kind}"
    else:
        field.type = descriptor_pb2.FieldDescriptorProto.Type.Value(f"TYPE_{kind.upper()}")


def _classes() -> dict[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(name=_FILE, package=_PACKAGE, syntax="proto3")
    for name, fields in _MESSAGES.items():
        descriptor = file.message_type.add(name=name)
        for text in filter(None, map(str.strip, fields.split(","))):
            _field(descriptor, text)
    # A pool of its own: another etcd client in the process may have these names in the default one.
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_made = _classes()
KeyValue: Any = _made["KeyValue"]
RangeRequest: Any = _made["RangeRequest"]
RangeResponse: Any = _made["RangeResponse"]
PutRequest: Any = _made["PutRequest"]
DeleteRangeRequest: Any = _made["DeleteRangeRequest"]
RequestOp: Any = _made["RequestOp"]
Compare: Any = _made["Compare"]
TxnRequest: Any = _made["TxnRequest"]
TxnResponse: Any = _made["TxnResponse"]
CompactionRequest: Any = _made["CompactionRequest"]
CompactionResponse: Any = _made["CompactionResponse"]
WatchCreateRequest: Any = _made["WatchCreateRequest"]
WatchRequest: Any = _made["WatchRequest"]
WatchResponse: Any = _made["WatchResponse"]
LeaseGrantRequest: Any = _made["LeaseGrantRequest"]
LeaseGrantResponse: Any = _made["LeaseGrantResponse"]
StatusRequest: Any = _made["StatusRequest"]
StatusResponse: Any = _made["StatusResponse"]
SnapshotRequest: Any = _made["SnapshotRequest"]
SnapshotResponse: Any = _made["SnapshotResponse"]
