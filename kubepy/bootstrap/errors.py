"""Why a machine was not set up."""


class BootstrapError(RuntimeError):
    """Nothing more was done; the message says why, and what to do about it."""
