"""The table of kinds with a preparation of their own."""

from kubepy.api.strategies import apiextensions, apps, batch, certificates, core
from kubepy.api.strategies.hook import Hook
from kubepy.machinery.gvk import GK

HOOKS: dict[GK, Hook] = {
    **core.HOOKS,
    **apps.HOOKS,
    **batch.HOOKS,
    **certificates.HOOKS,
    **apiextensions.HOOKS,
}
