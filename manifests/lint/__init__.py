"""Checks of the manifests: ``python -m manifests.lint``."""
