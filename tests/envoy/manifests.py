"""Checks the manifests in the current folder against the schemas of Kubernetes and Istio."""

import importlib
import json
import sys

import kubernetes_validate
import yaml

KUBERNETES = "1.37"
ISTIO = {
    "WasmPlugin": "cloudcoil.models.istio.extensions.v1alpha1",
    "EnvoyFilter": "cloudcoil.models.istio.networking.v1alpha3",
}


def documents(name):
    with open(name) as file:
        return list(yaml.safe_load_all(file))


def strict(model, given, path=""):
    """Nothing may be lost on the way through the model: an unknown member would be."""
    if isinstance(given, dict):
        for name, value in given.items():
            if not isinstance(model, dict) or name not in model:
                raise ValueError(f"{path}.{name}: no such member")
            strict(model[name], value, f"{path}.{name}")
    elif isinstance(given, list):
        for index, value in enumerate(given):
            strict(model[index], value, f"{path}[{index}]")


def main():
    checked = []
    for document in documents("kubernetes-sidecar.yaml") + documents("kubernetes-first-key.yaml"):
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        checked.append(document["kind"])
    for document in documents("istio-wasmplugin.yaml"):
        kind = document["kind"]
        model = getattr(importlib.import_module(ISTIO[kind]), kind).model_validate(document)
        strict(json.loads(model.model_dump_json(by_alias=True, exclude_unset=True)), document, kind)
        checked.append(kind)
    print(" ".join(checked))
    expected = {"Deployment", "Pod", "Service", "NetworkPolicy", "WasmPlugin", "EnvoyFilter"}
    return 0 if expected <= set(checked) else 1


sys.exit(main())
