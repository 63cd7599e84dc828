"""Failures below the API: no answer came, or not one that an API server gives."""


class ConnectionFailed(Exception):
    """The server could not be reached, or the connection broke before its answer was complete.

    Whether the request took effect is unknown, unless `sent` is False.
    """

    def __init__(self, message: str, *, sent: bool) -> None:
        super().__init__(message)
        self.sent = sent
