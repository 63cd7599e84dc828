"""Definitions of classes, judged by a true API server; objects read back."""

import dataclasses
import datetime
import enum
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from kubepy.client import Client
from kubepy.machinery import errors
from kubepy.machinery.meta import Obj
from kubepy.operator.crd import (
    CustomResource,
    Field,
    IntOrString,
    InvalidObject,
    Printed,
    Quantity,
    Rule,
    Scale,
    SchemaError,
    Version,
    immutable,
    install,
    one_of,
    read,
    rules,
    schema_of,
    write,
)

pytestmark = pytest.mark.anyio


class Tier(enum.Enum):
    FREE = "free"
    PAID = "paid"


@dataclass
class Port:
    name: str
    port: Annotated[int, Field(ge=1, le=65535)]
    target_port: IntOrString | None = None


@one_of("bucket", "volume")
@dataclass
class Backup:
    """Where copies go."""

    bucket: str | None = None
    volume: str | None = None


@rules(Rule("self.minReplicas <= self.maxReplicas", "minReplicas must not be above maxReplicas"))
@dataclass
class WebSpec:
    """What is wanted."""

    image: Annotated[str, "the image", Printed(), Field(min_length=1, pattern="^[a-z]")]
    domain: Annotated[str, immutable]
    min_replicas: Annotated[int, Field(ge=0)] = 1
    max_replicas: int = 3
    tier: Annotated[Tier, Printed("Tier", priority=1)] = Tier.FREE
    strategy: Literal["Rolling", "Recreate"] = "Rolling"
    memory: Quantity = "64Mi"
    ports: Annotated[list[Port], Field(list_type="map", list_map_keys=("name",))] = field(
        default_factory=list
    )
    labels: dict[str, str] = field(default_factory=dict)
    backup: Backup | None = None
    values: Any = None
    zones: set[str] = field(default_factory=set)
    note: Annotated[str | None, Field(nullable=True)] = None


@dataclass
class WebStatus:
    replicas: Annotated[int, Printed("Ready")] = 0
    since: datetime.datetime | None = None
    selector: str = ""


WEBS = CustomResource(
    "example.com",
    "Web",
    Version("v1", WebSpec, WebStatus, scale=Scale(spec_replicas=".spec.minReplicas")),
    short_names=["wb"],
    categories=["all"],
)


def web(name: str = "w", **spec: Any) -> Obj:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Web",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"image": "nginx", "domain": "a.org"} | spec,
    }


def test_a_class_is_a_structural_schema() -> None:
    schema = schema_of(WebSpec)
    properties = schema["properties"]
    assert schema["required"] == ["image", "domain"]
    assert schema["description"] == "What is wanted."
    assert properties["image"] == {
        "type": "string",
        "description": "the image",
        "minLength": 1,
        "pattern": "^[a-z]",
    }
    assert properties["tier"] == {"type": "string", "enum": ["free", "paid"], "default": "free"}
    assert properties["minReplicas"] == {"type": "integer", "format": "int64", "minimum": 0, "default": 1}
    assert properties["ports"]["x-kubernetes-list-map-keys"] == ["name"]
    assert properties["ports"]["items"]["properties"]["targetPort"] == {"x-kubernetes-int-or-string": True}
    assert properties["zones"]["x-kubernetes-list-type"] == "set"
    assert properties["note"]["nullable"] is True
    assert properties["values"] == {"x-kubernetes-preserve-unknown-fields": True}


def test_what_a_schema_cannot_say_is_refused_with_its_place() -> None:
    @dataclass
    class Loose:
        items: list  # type: ignore[type-arg]

    @dataclass
    class Mixed:
        either: Port | Backup

    with pytest.raises(SchemaError, match=r"Loose\.items: say what the items are"):
        schema_of(Loose)
    with pytest.raises(SchemaError, match=r"Mixed\.either: a structural schema has no unions"):
        schema_of(Mixed)
    with pytest.raises(SchemaError, match="contains itself"):
        schema_of(Tree)


@dataclass
class Tree:
    children: "list[Tree]" = field(default_factory=list)


async def test_the_server_defaults_validates_and_prints(client: Client) -> None:
    await install(client, WEBS)
    made = await client.create(WEBS.gvr, web(ports=[{"name": "http", "port": 80, "targetPort": "web"}]))
    typed = WEBS.read(made)
    assert typed.spec.tier is Tier.FREE
    assert typed.spec.ports == [Port("http", 80, "web")]
    assert (typed.spec.memory, typed.spec.max_replicas, typed.status) == ("64Mi", 3, None)

    async def refused(**spec: Any) -> str:
        with pytest.raises(errors.StatusError) as caught:
            await client.create(WEBS.gvr, web("x", **spec))
        return caught.value.message

    assert 'spec.tier: Unsupported value: "gold": supported values: "free", "paid"' in await refused(
        tier="gold"
    )
    assert "minReplicas must not be above maxReplicas" in await refused(minReplicas=9)
    assert "exactly one of bucket, volume must be set" in await refused(backup={})
    assert "exactly one of bucket, volume must be set" in await refused(backup={"bucket": "b", "volume": "v"})
    assert "spec.ports[1]: Duplicate value" in await refused(ports=[{"name": "a", "port": 1}] * 2)
    assert "should be less than or equal to 65535" in await refused(ports=[{"name": "a", "port": 70000}])
    assert "spec.zones[1]: Duplicate value" in await refused(zones=["a", "a"])
    assert "should match '^[a-z]'" in await refused(image="Nginx")
    with pytest.raises(errors.StatusError, match="field is immutable"):
        await client.patch(WEBS.gvr, "w", {"spec": {"domain": "b.org"}}, namespace="default")
    await client.patch(
        WEBS.gvr, "w", {"status": {"replicas": 2}, "spec": {}}, namespace="default", subresource="status"
    )
    scale = await client.get(WEBS.gvr, "w", namespace="default", subresource="scale")
    assert (scale["spec"]["replicas"], scale["status"]["replicas"]) == (1, 2)
    table = (
        await client.raw(
            "GET",
            "/apis/example.com/v1/webs",
            accept="application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
        )
    ).json()
    assert [c["name"] for c in table["columnDefinitions"]] == ["Name", "Image", "Tier", "Ready", "Age"]
    assert table["rows"][0]["cells"][:4] == ["w", "nginx", "free", 2]


def test_writing_gives_what_reading_takes() -> None:
    spec = WebSpec(
        "nginx",
        "a.org",
        tier=Tier.PAID,
        ports=[Port("http", 80)],
        labels={"a": "b"},
        backup=Backup(volume="v"),
        zones={"b", "a"},
    )
    obj = WEBS.write("w", spec, namespace="default")
    assert obj["spec"]["zones"] == ["a", "b"]
    assert obj["spec"]["ports"] == [{"name": "http", "port": 80}]
    assert "note" not in obj["spec"]
    assert WEBS.read(obj).spec == spec
    assert obj["apiVersion"] == "example.com/v1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"minReplicas": "2"}, "spec.minReplicas: must be an integer, is '2'"),
        ({"minReplicas": True}, "spec.minReplicas: must be an integer, is True"),
        ({"tier": "gold"}, "spec.tier: must be one of 'free', 'paid', is 'gold'"),
        ({"ports": [{"name": "a", "port": 1}, {"name": "b"}]}, "spec.ports[1].port: is required"),
        ({"labels": ["x"]}, "spec.labels: must be an object, is ['x']"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(change: Obj, message: str) -> None:
    with pytest.raises(InvalidObject) as caught:
        WEBS.read(web(**change))
    assert str(caught.value) == message


def test_times_and_durations() -> None:
    @dataclass
    class Times:
        at: datetime.datetime
        every: datetime.timedelta
        day: datetime.date
        data: bytes

    globals()["Times"] = Times
    value = {"at": "2026-11-21T09:00:00Z", "every": "1h30m", "day": "2026-11-21", "data": "aGk="}
    times = read(Times, value)
    assert times.at == datetime.datetime(2026, 11, 21, 9, tzinfo=datetime.UTC)
    assert (times.every, times.data) == (datetime.timedelta(minutes=90), b"hi")
    assert write(times) == value | {"every": "5400s"}
    with pytest.raises(InvalidObject, match="every: must be a duration such as 1h30m, is 'soon'"):
        read(Times, value | {"every": "soon"})


class Struct(msgspec.Struct, rename="camel"):
    size_limit: Annotated[int, msgspec.Meta(ge=1, le=9, description="how much")]
    names: Annotated[list[str], msgspec.Meta(min_length=1)]
    mode: Literal["a", "b"] = "a"


class Model(pydantic.BaseModel):
    size_limit: Annotated[int, pydantic.Field(ge=1, le=9, alias="sizeLimit", description="how much")]
    names: list[str] = pydantic.Field(min_length=1)
    mode: Literal["a", "b"] = "a"


@dataclass
class Data:
    size_limit: Annotated[int, Field("how much", ge=1, le=9)]
    names: Annotated[list[str], Field(min_length=1)]
    mode: Literal["a", "b"] = "a"


@pytest.mark.parametrize("cls", [Struct, Model, Data])
def test_the_three_kinds_of_classes_say_the_same(cls: Any) -> None:
    schema = schema_of(cls)
    schema.pop("description", None)
    assert schema == {
        "type": "object",
        "required": ["sizeLimit", "names"],
        "properties": {
            "sizeLimit": {
                "type": "integer",
                "format": "int64",
                "minimum": 1,
                "maximum": 9,
                "description": "how much",
            },
            "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
            "mode": {"type": "string", "enum": ["a", "b"], "default": "a"},
        },
    }
    resource = CustomResource("example.com", "Thing", Version("v1", cls))
    obj = {"apiVersion": "example.com/v1", "spec": {"sizeLimit": 3, "names": ["x"]}}
    spec = resource.read(obj).spec
    assert (spec.size_limit, spec.names, spec.mode) == (3, ["x"], "a")
    assert write(spec) == {"sizeLimit": 3, "names": ["x"], "mode": "a"}
    with pytest.raises(InvalidObject, match=r"^spec"):
        resource.read(obj | {"spec": {"sizeLimit": "x"}})


def test_msgspec_and_pydantic_are_not_imported() -> None:
    code = (
        "import sys, kubepy.operator.crd, dataclasses\n"
        "kubepy.operator.crd.schema_of(dataclasses.make_dataclass('A', [('x', int)]))\n"
        "sys.exit(any(name in sys.modules for name in ('msgspec', 'pydantic')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_versions() -> None:
    with pytest.raises(ValueError, match="exactly one version must be the storage version"):
        CustomResource("example.com", "Web", Version("v1", WebSpec), Version("v2", WebSpec))
    policies = CustomResource("example.com", "Policy", Version("v1", dataclasses.make_dataclass("A", [])))
    assert policies.name == "policies.example.com"
    assert policies.definition()["spec"]["versions"][0]["storage"] is True
