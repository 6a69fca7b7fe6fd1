"""The manifests under k8s/, checked without a cluster."""
