"""The official client: whoever leads gives every namespace of a team its ResourceQuota.

python team_keeper.py IDENTITY
"""

import sys

from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock


def keep():
    core = client.CoreV1Api()
    while True:
        for event in watch.Watch().stream(core.list_namespace, label_selector="team", timeout_seconds=60):
            if event["type"] != "DELETED":
                give_quota(core, event["object"].metadata.name)


def give_quota(core, namespace):
    hard = {"pods": "3"}
    quota = client.V1ResourceQuota(
        metadata=client.V1ObjectMeta(name="team", annotations={"given-by": sys.argv[1]}),
        spec=client.V1ResourceQuotaSpec(hard=hard),
    )
    try:
        core.create_namespaced_resource_quota(namespace, quota)
    except ApiException as error:
        if error.status != 409:
            raise


def main():
    config.load_kube_config()
    lock = LeaseLock("team-keeper", "default", sys.argv[1])
    election = electionconfig.Config(
        lock,
        lease_duration=4,
        renew_deadline=3,
        retry_period=1,
        onstarted_leading=keep,
        onstopped_leading=lambda: sys.exit(1),
    )
    leaderelection.LeaderElection(election).run()


if __name__ == "__main__":
    main()
