"""A public link to the server, through Gradio's servers."""

import secrets

from gradio import networking

from neuroceleb.errors import UserError


def open_tunnel(port: int) -> str:
    """Make the server on this port of this machine public; the address of the link.

    Gradio downloads its tunnel program once. Raises UserError where that or the tunnel fails.
    """
    try:
        address: str = networking.setup_tunnel(
            local_host="127.0.0.1",
            local_port=port,
            share_token=secrets.token_urlsafe(32),
            share_server_address=None,
            share_server_tls_certificate=None,
        )
    except Exception as error:
        raise UserError(
            "The public link could not be made ({reason}): check the network, or leave --share "
            "out.",
            reason=str(error)[:200] or type(error).__name__,
        ) from error
    return address
