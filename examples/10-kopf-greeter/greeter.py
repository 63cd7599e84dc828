"""A kopf operator as its tutorials write them: every Greeting gets a ConfigMap, which goes with it."""

import kopf
import kubernetes


@kopf.on.create("examples.kubepy.dev", "v1", "greetings")
def greet(name, namespace, spec, patch, **_):
    letter = {"metadata": {"name": f"{name}-letter"}, "data": {"text": f"Hello, {spec['to']}!"}}
    kopf.adopt(letter)
    kubernetes.client.CoreV1Api().create_namespaced_config_map(namespace, letter)
    patch.status["letters"] = 1


@kopf.on.update("examples.kubepy.dev", "v1", "greetings", field="spec.to")
def greet_another(name, namespace, new, status, patch, **_):
    change = {"data": {"text": f"Hello, {new}!"}}
    kubernetes.client.CoreV1Api().patch_namespaced_config_map(f"{name}-letter", namespace, change)
    patch.status["letters"] = status["letters"] + 1


@kopf.on.delete("examples.kubepy.dev", "v1", "greetings")
def say_goodbye(name, namespace, **_):
    goodbye = {"metadata": {"name": f"{name}-goodbye"}}
    kubernetes.client.CoreV1Api().create_namespaced_config_map(namespace, goodbye)
