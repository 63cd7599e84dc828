"""Static tokens: a CSV file of token,user,uid,"group1,group2"."""

from __future__ import annotations

import csv
import hmac
from pathlib import Path

from kubepy.apiserver.authentication.user import AUTHENTICATED, User


class TokenFile:
    """Reads the file once."""

    def __init__(self, path: Path) -> None:
        self._users: dict[str, User] = {}
        with path.open(encoding="utf-8", newline="") as file:
            for number, row in enumerate(csv.reader(file, skipinitialspace=True), 1):
                if not row or row[0].startswith("#"):
                    continue
                if len(row) < 3 or not row[0]:
                    raise ValueError(f"{path}, line {number}: expected token,user,uid and maybe groups")
                groups = [g.strip() for g in row[3].split(",") if g.strip()] if len(row) > 3 else []
                self._users[row[0]] = User(row[1], (*groups, AUTHENTICATED), row[2])

    def authenticate(self, token: str) -> User | None:
        """The token's user. Compares with every token, so that the time taken tells nothing."""
        found = None
        for known, user in self._users.items():
            if hmac.compare_digest(known.encode(), token.encode()):
                found = user
        return found
