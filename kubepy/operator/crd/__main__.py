"""`python -m kubepy.operator.crd module:NAME ...` prints definitions as YAML."""

import importlib
import sys

import yaml

from kubepy.operator.crd.definition import CustomResource


def main(arguments: list[str]) -> int:
    """Print the definitions of the CustomResources named; the exit status."""
    if not arguments:
        print("usage: python -m kubepy.operator.crd module:NAME ...", file=sys.stderr)
        return 2
    sys.path.insert(0, "")
    documents = []
    for argument in arguments:
        module, _, name = argument.partition(":")
        resource = getattr(importlib.import_module(module), name, None)
        if not isinstance(resource, CustomResource):
            print(f"{argument} is no CustomResource", file=sys.stderr)
            return 1
        documents.append(resource.definition())
    print(yaml.safe_dump_all(documents, sort_keys=False), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
