"""Rules of metadata: names, labels, annotations, owners, finalizers."""

from __future__ import annotations

from kubepy.api.validation.formats import good_key, good_label, good_value
from kubepy.api.validation.rules import NameRule, all_messages, immutable_field
from kubepy.machinery import names
from kubepy.machinery.field_errors import (
    Cause,
    forbidden_field,
    invalid_value,
    quote,
    required,
    too_long,
)
from kubepy.machinery.meta import Obj

MAX_ANNOTATIONS = 256 * 1024
_STANDARD_FINALIZERS = ("kubernetes", "orphan", "foregroundDeletion")
_IMMUTABLE = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp")


def validate_object_meta(
    metadata: Obj,
    *,
    namespaced: bool | None,
    name_rule: NameRule,
    path: str = "metadata",
    any_finalizers: bool = False,
) -> list[Cause]:
    """Check metadata of a new object; `namespaced` None skips the rules of the namespace.

    `any_finalizers`: finalizers need no domain, as on custom resources.
    """
    causes: list[Cause] = []
    generate_name = metadata.get("generateName")
    if generate_name:
        # The base of a generated name may end in a dash: what follows makes it whole.
        base = generate_name.rstrip("-") if len(generate_name) > 1 else generate_name
        if messages := name_rule(base):
            causes += all_messages(f"{path}.generateName", generate_name, messages)
    name = metadata.get("name") or ""
    if not name:
        causes.append(required(f"{path}.name", "name or generateName is required"))
    elif messages := name_rule(name):
        causes += all_messages(f"{path}.name", name, messages)
    namespace = metadata.get("namespace") or ""
    if namespaced:
        if not namespace:
            causes.append(required(f"{path}.namespace"))
        elif not good_label(namespace):
            causes += all_messages(f"{path}.namespace", namespace, names.dns_label(namespace))
    elif namespaced is False and namespace:
        causes.append(forbidden_field(f"{path}.namespace", "not allowed on this type"))
    if (metadata.get("generation") or 0) < 0:
        causes.append(
            invalid_value(f"{path}.generation", metadata["generation"], "must be greater than or equal to 0")
        )
    labels = metadata.get("labels")
    if labels:
        causes += validate_labels(labels, f"{path}.labels")
    annotations = metadata.get("annotations")
    if annotations:
        causes += validate_annotations(annotations, f"{path}.annotations")
    if "ownerReferences" in metadata:
        causes += _owner_references(metadata["ownerReferences"] or [], f"{path}.ownerReferences")
    finalizers = metadata.get("finalizers")
    if finalizers:
        causes += validate_finalizers(finalizers, f"{path}.finalizers", unknown=any_finalizers)
    return causes


def validate_object_meta_update(metadata: Obj, old: Obj, path: str = "metadata") -> list[Cause]:
    """Check the change from `old` metadata to the new."""
    causes: list[Cause] = []
    for field in _IMMUTABLE:
        if metadata.get(field) != old.get(field):
            causes += immutable_field(f"{path}.{field}", metadata.get(field), old.get(field))
    if old.get("deletionTimestamp"):
        before = old.get("finalizers") or ()
        added = sorted(f for f in metadata.get("finalizers") or () if f not in before)
        if added:
            listed = ", ".join(map(quote, added))
            causes.append(
                forbidden_field(
                    f"{path}.finalizers",
                    "no new finalizers can be added if the object is being deleted, found new finalizers "
                    f"[]string{{{listed}}}",
                )
            )
    return causes


def validate_labels(labels: Obj, path: str) -> list[Cause]:
    """Check keys and values of labels."""
    causes: list[Cause] = []
    for key, value in labels.items():
        if not good_key(key):
            causes += all_messages(path, key, names.qualified_name(key))
        if not good_value(value):
            causes += all_messages(path, value, names.label_value(value))
    return causes


def validate_annotations(annotations: Obj, path: str) -> list[Cause]:
    """Check keys of annotations and the size of all."""
    causes: list[Cause] = []
    size = 0
    for key, value in annotations.items():
        if not good_key(key.lower()):
            causes += all_messages(path, key, names.qualified_name(key.lower()))
        size += len(key) + len(value.encode() if not value.isascii() else value)
    if size > MAX_ANNOTATIONS:
        causes.append(too_long(path, MAX_ANNOTATIONS))
    return causes


def _owner_references(references: list[Obj], path: str) -> list[Cause]:
    causes: list[Cause] = []
    controller = ""
    for reference in references:
        # Kubernetes names the fields without the reference's index.
        kind, name = reference.get("kind") or "", reference.get("name") or ""
        api_version = reference.get("apiVersion") or ""
        if not api_version or api_version.endswith("/") or api_version.count("/") > 1:
            causes.append(invalid_value(f"{path}.apiVersion", api_version, "version must not be empty"))
        if not (kind and name and reference.get("uid")):
            causes += [
                invalid_value(f"{path}.{field}", "", "must not be empty")
                for field in ("kind", "name", "uid")
                if not reference.get(field)
            ]
        if kind == "Event" and api_version == "v1":
            causes.append(invalid_value(path, reference, "/v1, Kind=Event is disallowed from being an owner"))
        if reference.get("controller"):
            if controller:
                detail = (
                    'Only one reference can have Controller set to true. Found "true" in references '
                    f"for {controller} and {kind}/{name}"
                )
                causes.append(invalid_value(path, references, detail))
            else:
                controller = f"{kind}/{name}"
    return causes


def validate_finalizers(finalizers: list[str], path: str, *, unknown: bool = False) -> list[Cause]:
    """Check an object's finalizers; `unknown` lets names without a domain pass."""
    causes: list[Cause] = []
    for finalizer in finalizers:
        if not good_key(finalizer):
            causes += all_messages(path, finalizer, names.qualified_name(finalizer))
    if "orphan" in finalizers and "foregroundDeletion" in finalizers:
        detail = "finalizer orphan and foregroundDeletion cannot be both set"
        causes.append(invalid_value(path, finalizers, detail))
    if not unknown:
        for index, finalizer in enumerate(finalizers):
            causes += _known_or_qualified(finalizer, f"{path}[{index}]")
    return causes


def _known_or_qualified(finalizer: str, path: str) -> list[Cause]:
    if "/" in finalizer or finalizer in _STANDARD_FINALIZERS:
        return []
    detail = "name is neither a standard finalizer name nor is it fully qualified"
    return [invalid_value(path, finalizer, detail)]


def finalizer_warnings(metadata: Obj) -> list[str]:
    """Return the warnings that finalizers of a custom resource have no domain."""
    return [
        f"metadata.finalizers: {quote(finalizer)}: prefer a domain-qualified finalizer name including a path "
        "(/) to avoid accidental conflicts with other finalizer writers"
        for finalizer in metadata.get("finalizers") or ()
        if "/" not in finalizer and finalizer not in _STANDARD_FINALIZERS
    ]


def validate_finalizer(finalizer: str, path: str) -> list[Cause]:
    """Check one finalizer of a namespace's spec."""
    return all_messages(path, finalizer, names.qualified_name(finalizer)) + _known_or_qualified(
        finalizer, path
    )
