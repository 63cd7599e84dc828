"""Print the versions of kubepy and of the Kubernetes API that it serves."""

from __future__ import annotations

import argparse

import kubepy


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """This command takes none."""


def run(arguments: argparse.Namespace) -> int:
    print(f"kubepy {kubepy.__version__} (Kubernetes {kubepy.KUBERNETES_VERSION})")
    return 0
