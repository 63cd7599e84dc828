"""What runs in kube-system from the start, as manifests; ``apply`` puts them into the cluster."""
