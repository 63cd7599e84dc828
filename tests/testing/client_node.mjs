// @kubernetes/client-node against the cluster that KUBECONFIG names: create, conflict, watch, delete.
import * as k8s from "@kubernetes/client-node";

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const namespace = "default";
const answer = { pods: "", conflict: 0, events: [] };

const watch = new k8s.Watch(config);
let ended;
const deleted = new Promise((resolve) => (ended = resolve));
const request = await watch.watch(
  "/api/v1/namespaces/default/configmaps",
  { fieldSelector: "metadata.name=settings" },
  (type) => {
    answer.events.push(type);
    if (type === "DELETED") ended();
  },
  () => {},
);

const made = await core.createNamespacedConfigMap({
  namespace,
  body: { metadata: { name: "settings" }, data: { a: "1" } },
});
made.data.a = "2";
await core.replaceNamespacedConfigMap({ name: "settings", namespace, body: made });
try {
  await core.replaceNamespacedConfigMap({ name: "settings", namespace, body: made });
} catch (error) {
  answer.conflict = error.code;
}
await core.deleteNamespacedConfigMap({ name: "settings", namespace });
await deleted;
request.abort();

await core.createNamespacedPod({
  namespace,
  body: { metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "nginx" }] } },
});
for (let turn = 0; turn < 200 && answer.pods !== "Running"; turn++) {
  await new Promise((resolve) => setTimeout(resolve, 50));
  answer.pods = (await core.readNamespacedPod({ name: "p", namespace })).status.phase;
}
console.log(JSON.stringify(answer));
process.exit(0);
