"""What visitors may do: everything on loopback or with the password, else only watch."""

import ipaddress
from dataclasses import dataclass

from neuroceleb.errors import Message, UserError


@dataclass(frozen=True)
class Access:
    """The permissions of one server's visitors; all of them may watch.

    `is_local`: the server listens on loopback only, so requests may name files of this machine.
    `has_password`: `--auth` is set, so visitors may change things.
    """

    is_local: bool
    has_password: bool = False

    @classmethod
    def of(cls, host: str, auth: tuple[str, str] | None) -> "Access":
        """For a server that listens on `host` and requires this user and password, if any."""
        return cls(is_loopback(host), auth is not None)

    @property
    def is_open(self) -> bool:
        """Whether visitors may do more than watch."""
        return self.is_local or self.has_password

    def check(self, action: Message) -> None:
        """Raises UserError where visitors may only watch; `action` names what was requested."""
        if not self.is_open:
            raise UserError(
                "This server does not let visitors {action}: start it with --auth "
                "USER:PASSWORD, or on this machine alone.",
                action=action,
            )


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens on `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"
