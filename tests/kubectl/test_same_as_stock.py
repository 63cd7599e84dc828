"""What we print and how we end is what stock kubectl prints and how it ends, for the same server."""

from __future__ import annotations

import re
import shlex

import pytest

from .conftest import STOCK, Outcome, Server

pytestmark = pytest.mark.skipif(STOCK is None, reason="stock kubectl is not installed")

READS = """
get pods
get po -o wide
get pods -A
get pods,svc,cm
get all
get all -n empty
get pods -n empty
get deploy web
get deployments.apps web
get deployments.v1.apps/web service/web
get deploy web -o yaml
get cm settings -o yaml
get cm settings -o json
get cm -o yaml
get nodes
get nodes -o wide --show-labels
get pods -L tier,app --no-headers
get pods -l tier=b -o name
get pods --field-selector metadata.name=nope
get svc,deploy -o name
get pods -o jsonpath={.items[*].metadata.name}
get pods -o custom-columns=NAME:.metadata.name,NODE:.spec.nodeName,IMAGE:.spec.containers[*].image
get cm --sort-by=.metadata.name
get cm --sort-by=.nothing
get deploy web nope
get deploy nope --ignore-not-found
get pods solo -l a=b
get pods -o jsonpath
get nonsense
get
get pod/solo web
get pods --nonsense
describe pod solo
describe pods
describe pod so
describe deploy web
describe svc web
describe secret hidden
describe node n1
describe sa default
describe pod nope
describe clusterrole system:discovery view
describe clusterrolebinding cluster-admin
describe priorityclass -l none
describe pods -n empty
api-resources
api-resources --namespaced=false -o wide
api-versions
cluster-info
config view
config get-contexts
config current-context
rollout history deploy/nope
create deployment x --image=a/b:1 --replicas=3 --port=80 --dry-run=client -o yaml
create service nodeport x --tcp=80:8080 --dry-run=client -o yaml
create configmap x --from-literal=a=b --dry-run=client -o yaml
create secret generic x --from-literal=a=b --dry-run=client -o yaml
create role x --verb=get,list --resource=pods,deployments.apps --dry-run=client -o yaml
create clusterrolebinding x --clusterrole=view --user=u --dry-run=client -o yaml
create namespace x --dry-run=client -o yaml
create job x --image=y --dry-run=client -o yaml -- sleep 5
create cronjob x --image=y --schedule='* * * * *' --dry-run=client -o yaml
create cm settings
create deployment web --image=x
delete pod nope
delete pods
logs
exec solo
exec solo sh
scale deploy nope --replicas=1
wait pod/solo --for=condition=ready --timeout=0s
wait pod/solo --for=jsonpath={.metadata.name}=solo
label cm settings
apply
apply -f /does/not/exist
get pods --context nope
get pods --server https://127.0.0.1:1
"""


def _without_ages(outcome: Outcome) -> Outcome:
    """Two programs look at different moments."""

    def masked(text: str) -> str:
        # The log lines of stock kubectl's libraries are not its answer.
        text = re.sub(r"^E\d{4} .*\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"\b(\d+m)?\d+s(?=\s)", "AGE", text)
        return re.sub(r"  +", "  ", text) if "AGE" in text else text

    return Outcome(outcome.code, masked(outcome.stdout), masked(outcome.stderr))


@pytest.mark.parametrize("line", READS.strip().splitlines())
def test_same_answer(server: Server, line: str) -> None:
    words = shlex.split(line)
    assert _without_ages(server.ours(*words)) == _without_ages(server.stock(*words))


CHANGES = """
create namespace life
apply -n life -f {manifest}
apply -n life -f {manifest}
apply -n life -f {changed}
apply -n life -f {invalid}
apply -n life -f {unknown}
get cm -n life a -o jsonpath={{.data}}
label -n life cm a tier=x
label -n life cm a tier=y
label -n life cm a tier-
annotate -n life cm a note=hello
patch -n life cm a -p {{"data":{{"z":"9"}}}}
patch -n life cm a -p {{"data":{{"z":"9"}}}}
scale -n life deploy app --replicas=5
get -n life deploy app -o jsonpath={{.spec.replicas}}
rollout pause -n life deploy app
rollout pause -n life deploy app
rollout restart -n life deploy app
rollout resume -n life deploy app
rollout undo -n life deploy app
cordon n1
cordon n1
uncordon n1
create -n life -f {manifest}
delete -n life -f {manifest}
delete -n life cm a --ignore-not-found
"""

APP = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {a: b}}
  template:
    metadata: {labels: {a: b}}
    spec: {containers: [{name: c, image: "i:1"}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: a}
data: {one: "1", two: "2"}
"""


def test_same_life_of_objects(server: Server, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The same changes one after the other, in a namespace of each program's own."""
    folder = tmp_path_factory.mktemp("manifests")
    files = {
        "manifest": APP,
        "changed": APP.replace("i:1", "i:2").replace(', two: "2"', ""),
        "invalid": APP.replace("matchLabels: {a: b}", "matchLabels: {a: c}"),
        "unknown": APP.replace("selector:", "selektor:"),
    }
    paths = {}
    for name, text in files.items():
        paths[name] = folder / f"{name}.yaml"
        paths[name].write_text(text)
    lines = [shlex.split(line.replace('"', '\\"').format(**paths)) for line in CHANGES.strip().splitlines()]
    theirs = [server.stock(*_in(words, "stock")) for words in lines]
    ours = [server.ours(*_in(words, "ours")) for words in lines]
    for words, stock, mine in zip(lines, theirs, ours, strict=True):
        expected = Outcome(
            stock.code, stock.stdout.replace("stock", "ours"), stock.stderr.replace("stock", "ours")
        )
        assert _comparable(mine) == _comparable(expected), words


def _in(words: list[str], namespace: str) -> list[str]:
    return [namespace if word == "life" else word for word in words]


def _comparable(outcome: Outcome) -> Outcome:
    """Without what differs from one object to the next: uids and generated addresses."""
    mask = r"[0-9a-f]{8}-[0-9a-f-]{27}"
    return Outcome(outcome.code, re.sub(mask, "UID", outcome.stdout), re.sub(mask, "UID", outcome.stderr))
