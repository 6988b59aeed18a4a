"""The verb `serve`: the app in the browser. `python app.py` is the same."""

import logging
import os
import signal
import socket
import sys

import click

from neuroceleb import stop_signals
from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

SHUTDOWN_TIMEOUT_S = 1  # for open connections


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=int, default=7860, show_default=True, help="Port to listen on; 0: any free one."
)
@click.option("--auth", metavar="USER:PASSWORD", help="Ask visitors for these.")
@in_workspace
def serve(host: str, port: int, auth: str | None, workspace: Workspace) -> None:
    """Serve the app to a browser, until Ctrl-C, SIGTERM or SIGHUP."""
    for number in stop_signals.signals():
        signal.signal(number, signal.default_int_handler)
    try:
        _serve(workspace, host, port, parse_auth(auth))
    except KeyboardInterrupt:
        return


def _serve(workspace: Workspace, host: str, port: int, auth: tuple[str, str] | None) -> None:
    """Open the port first, then import what takes seconds."""
    from neuroceleb.app.access import is_loopback

    if auth is None and not is_loopback(host):
        print(
            f"Warning: with --host {host} anyone who reaches this machine can use the "
            "page; add --auth USER:PASSWORD to ask for a password.",
            file=sys.stderr,
        )
    with listen(host, port) as listener:
        prepare_gradio(workspace)
        run_server(workspace, host, auth, listener)


def parse_auth(text: str | None) -> tuple[str, str] | None:
    """Split USER:PASSWORD; raises UserError if one of them is empty."""
    if text is None:
        return None
    user, _, password = text.partition(":")
    if not user or not password:
        raise UserError("--auth must be written USER:PASSWORD, neither of them empty.")
    return user, password


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; raises UserError if the address is invalid or in use."""
    if not 0 <= port <= 65535:
        raise UserError("--port {port} is no port: use a number from 1 to 65535.", port=port)
    address = host.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((address, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UserError(
            "{host}:{port} cannot be listened on ({reason}): end what uses it, or choose "
            "another --port or --host.",
            host=host,
            port=port,
            reason=error.strerror,
        ) from error
    return listener


def prepare_gradio(workspace: Workspace) -> None:
    """Set the environment that Gradio and PyTorch read when they are imported.

    Gradio sends no analytics and puts its files into the workspace. Raises UserError if that is
    not writable.
    """
    cache = workspace.root.resolve() / ".cache" / "gradio"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            "{path} could not be made ({reason}): use another --workspace.",
            path=cache,
            reason=error.strerror,
        ) from error
    os.environ["GRADIO_TEMP_DIR"] = str(cache)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # PyTorch's threads sleep while they wait, instead of spinning on cores that visitors and
    # trainings need (docs/results.md, "Serving").
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_server(
    workspace: Workspace, host: str, auth: tuple[str, str] | None, listener: socket.socket
) -> None:
    """Serve on the socket until a signal ends it."""
    import uvicorn

    from neuroceleb.app import server

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    app = server.create(Workspace(workspace.root.resolve()), host, auth)
    config = uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        server_header=False,
    )
    print(f"Neuro-celeb is at {url_of(host, listener)} (Ctrl-C ends it).", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def url_of(host: str, listener: socket.socket) -> str:
    """The URL of the app for a browser on this machine."""
    port = listener.getsockname()[1]
    all_addresses = {"0.0.0.0", "::"}  # noqa: S104
    name = "127.0.0.1" if host in all_addresses else host.strip("[]")
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
