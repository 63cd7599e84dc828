"""Server-side apply with our kubectl: the answers and the owners are those that stock kubectl leaves."""

from __future__ import annotations

import re
import shlex

import pytest
import yaml

from .conftest import STOCK, Outcome, Server
from .test_same_as_stock import APP

pytestmark = pytest.mark.skipif(STOCK is None, reason="stock kubectl is not installed")

STEPS = """
create namespace life
apply -n life --server-side -f {manifest}
apply -n life --server-side -f {manifest}
get -n life deploy app -o yaml
get -n life deploy,cm -o yaml --show-managed-fields
get -n life cm a -o json --show-managed-fields
scale -n life deploy app --replicas=5
get -n life deploy app -o yaml --show-managed-fields
apply -n life --server-side -f {replicas}
apply -n life --server-side --force-conflicts -f {replicas}
apply -n life --server-side --field-manager=other -f {changed}
apply -n life --server-side --dry-run=server -f {changed}
apply -n life --server-side --dry-run=server -o yaml -f {single}
apply -n life --server-side --dry-run=client -f {changed}
apply -n life --force-conflicts -f {changed}
apply -n life --server-side -f {unknown}
apply -n life --server-side -f {generated}
apply -n life --server-side -f {manifest} -o name
label -n life cm a tier=x
annotate -n life cm a note=hello
patch -n life cm a -p {{"data":{{"z":"9"}}}}
get -n life cm a -o yaml --show-managed-fields
apply -n life -f {client}
get -n life cm b -o yaml --show-managed-fields
apply -n life --server-side -f {client-changed}
get -n life cm b -o yaml --show-managed-fields
apply -n life -f {client}
get -n life cm b -o yaml --show-managed-fields
apply -n life --server-side --field-manager=mine -f {client-changed}
apply -n life --server-side --force-conflicts --field-manager=mine -f {client-changed}
get -n life cm b -o yaml --show-managed-fields
"""

CLIENT = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata: {one: "1", two: "2"}\n'
FILES = {
    "manifest": APP,
    "replicas": APP.replace("  selector:", "  replicas: 2\n  selector:"),
    "changed": APP.replace("i:1", "i:2").replace('one: "1"', 'one: "7"'),
    "single": APP.partition("---")[2],
    "unknown": APP.replace("selector:", "selektor:"),
    "generated": CLIENT.replace("name: b", "generateName: b-"),
    "client": CLIENT,
    "client-changed": CLIENT.replace('one: "1", two: "2"', 'one: "3"'),
}


def test_same_life_of_owners(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("manifests")
    paths = {}
    for name, text in FILES.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text)
    lines = [shlex.split(line.replace('"', '\\"').format(**paths)) for line in STEPS.strip().splitlines()]
    for line in lines:
        stock = server.stock(*("stock" if word == "life" else word for word in line))
        mine = server.ours(*("ours" if word == "life" else word for word in line))
        assert _comparable(mine, "ours") == _comparable(stock, "stock"), line


def _in_order(text: str) -> str:
    """What is shown, with owners by name: their own order tells whether a second passed between two commands."""
    shown = yaml.safe_load(text)
    for obj in shown.get("items", [shown]):
        obj["metadata"]["managedFields"].sort(key=lambda entry: (entry["manager"], entry["operation"]))
    return str(yaml.safe_dump(shown, sort_keys=False))


def _comparable(outcome: Outcome, namespace: str) -> Outcome:
    def masked(text: str) -> str:
        text = text.replace(namespace, "life")
        text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
        text = re.sub(r"resourceVersion: '\d+'|resourceVersion\"?: \"\d+\"", "resourceVersion: N", text)
        return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UID", text)

    shown = _in_order(outcome.stdout) if "managedFields" in outcome.stdout else outcome.stdout
    return Outcome(outcome.code, masked(shown), masked(outcome.stderr))
