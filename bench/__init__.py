"""Measurements of kubepy beside a bare floor in the same run: `python -m bench api`, `python -m bench pod`.

A figure alone says more of the machine than of the program, so each work is done twice in turn: by kubepy and
by the least code that could do it (a bare aiohttp handler; the raw CRI calls). What counts is the ratio.

Servers, the load generator and the process that conducts them are separate processes. This package uses
kubepy's public packages and its commands; nothing in kubepy may import it.
"""
