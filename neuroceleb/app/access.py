"""Who may do what on the page: whoever sits at this machine or knows its password, everything."""

import ipaddress
from dataclasses import dataclass

from neuroceleb.errors import UserError


@dataclass(frozen=True)
class Access:
    """What the visitors of one server may do; all who see the page may watch.

    `is_local`: the server listens on loopback only, so files of this machine may be named, too.
    `has_password`: it asks for one (`--auth`), so its visitors may change things as well.
    """

    is_local: bool
    has_password: bool = False

    @classmethod
    def of(cls, host: str, auth: tuple[str, str] | None) -> "Access":
        """That of a server that listens there and asks for this user and password."""
        return cls(is_loopback(host), auth is not None)

    @property
    def is_open(self) -> bool:
        """Whether visitors may do more than watch."""
        return self.is_local or self.has_password

    def check(self, what: str) -> None:
        """Raises UserError where visitors may only watch; `what` is what they want to do."""
        if not self.is_open:
            raise UserError(
                f"This server does not let visitors {what}: start it with --auth USER:PASSWORD, or "
                "on this machine alone."
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
