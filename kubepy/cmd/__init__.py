"""The ``kubepy`` program: one file per command, each with ``add_parser`` and ``run``.

Parses arguments, shows results, turns errors into sentences and exit codes; all else is below.
"""
