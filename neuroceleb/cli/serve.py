"""The verb `serve`: the app in the browser. `python app.py` is the same."""

import importlib.util
import json
import logging
import os
import re
import signal
import socket
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from neuroceleb import files, stop_signals
from neuroceleb.cli.options import in_workspace
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace

SHUTDOWN_TIMEOUT_S = 1  # for open connections
MAX_AUTH_BYTES = 4_096  # of --auth-file

WATCHED = "GRADIO_WATCH_DIRS"  # set by `gradio app.py`, which reloads
RELOADED = "NEUROCELEB_SERVER"  # what a reloaded process is started with

Credentials = tuple[str, str]  # user and password


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    envvar="GRADIO_SERVER_NAME",
    help="Address to listen on; also GRADIO_SERVER_NAME.",
)
@click.option(
    "--port",
    type=int,
    default=7860,
    show_default=True,
    envvar="GRADIO_SERVER_PORT",
    help="Port to listen on, 0: any free one; also GRADIO_SERVER_PORT.",
)
@click.option("--auth", metavar="USER:PASSWORD", help="Ask visitors for these.")
@click.option(
    "--auth-file",
    metavar="FILE",
    envvar="NEUROCELEB_AUTH_FILE",
    help="Read USER:PASSWORD from a file, which other users of the machine cannot see.",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    metavar="NAME",
    multiple=True,
    help="A further name by which the server is reached; may be repeated.",
)
@click.option(
    "--frame-ancestor",
    "frame_ancestors",
    metavar="ORIGIN",
    multiple=True,
    help="A site that may show the app in a frame, e.g. https://example.org; may be repeated.",
)
@click.option(
    "--root-path",
    metavar="PATH",
    envvar="GRADIO_ROOT_PATH",
    help="Path below which a reverse proxy shows the app; also GRADIO_ROOT_PATH.",
)
@click.option("--share", is_flag=True, help="Make a public link, through Gradio's servers.")
@click.option("--mcp", is_flag=True, help="Serve the API as MCP tools, too.")
@in_workspace
def serve(
    host: str,
    port: int,
    auth: str | None,
    auth_file: str | None,
    allowed_hosts: tuple[str, ...],
    frame_ancestors: tuple[str, ...],
    root_path: str | None,
    share: bool,
    mcp: bool,
    workspace: Workspace,
) -> None:
    """Serve the app to a browser, until Ctrl-C, SIGTERM or SIGHUP."""
    for number in stop_signals.signals():
        signal.signal(number, signal.default_int_handler)
    credentials = read_auth(auth, auth_file)
    names = [check_host(name) for name in allowed_hosts]
    origins = [check_origin(origin) for origin in frame_ancestors]
    if mcp and importlib.util.find_spec("mcp") is None:
        raise UserError(
            "--mcp needs the package mcp: install it by `pip install -r requirements-mcp.txt`."
        )
    try:
        with listen(host, port) as listener:
            prepare_gradio(workspace)
            if share:
                names.append(_open_tunnel(listener.getsockname()[1]))
            _warn(host, credentials, share)
            options = {
                "host": host,
                "auth": credentials,
                "allowed_hosts": names,
                "frame_ancestors": origins,
                "root_path": root_path,
                "is_shared": share,
                "has_mcp": mcp,
            }
            run_server(workspace, options, listener)
    except KeyboardInterrupt:
        return


def _open_tunnel(port: int) -> str:
    from neuroceleb.app import tunnel

    address = tunnel.open_tunnel(port)
    print(f"Public link: {address}", flush=True)
    return urlsplit(address).hostname or ""


def _warn(host: str, credentials: Credentials | None, is_shared: bool) -> None:
    """Say who can use the page, where that is not this machine alone."""
    from neuroceleb.app.access import is_loopback

    if credentials is not None or (is_loopback(host) and not is_shared):
        return
    who = "anyone who has the link" if is_shared else "anyone who reaches this machine"
    print(
        f"Warning: {who} can look at the faces and runs, but can change nothing; add "
        "--auth USER:PASSWORD to ask for a password.",
        file=sys.stderr,
    )


def read_auth(text: str | None, file: str | None) -> Credentials | None:
    """User and password of --auth, or of the first line of --auth-file; raises UserError."""
    if text is not None and file is not None:
        raise UserError("--auth and --auth-file exclude each other: give one of them.")
    if file is None:
        return parse_auth(text)
    try:
        with open(file, "rb") as opened:  # also a pipe: --auth-file <(command)
            lines = opened.read(MAX_AUTH_BYTES).decode().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no UTF-8 text"
        raise UserError(
            "{file} cannot be read ({reason}): write USER:PASSWORD into it.",
            file=file,
            reason=reason,
        ) from error
    return parse_auth(lines[0].strip() if lines else "")


def parse_auth(text: str | None) -> Credentials | None:
    """Split USER:PASSWORD; raises UserError if one of them is empty."""
    if text is None:
        return None
    user, _, password = text.partition(":")
    if not user or not password:
        raise UserError("--auth must be written USER:PASSWORD, neither of them empty.")
    return user, password


def check_host(name: str) -> str:
    """A name of --allowed-host in lower case; raises UserError for anything but a name."""
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", name):
        raise UserError(
            "--allowed-host '{name}' is no name of a machine: write it without port and path, "
            "like faces.example.org.",
            name=name[:100],
        )
    return name.lower()


def check_origin(origin: str) -> str:
    """An origin of --frame-ancestor; raises UserError for anything else."""
    if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]{1,253}(:\d{1,5})?", origin):
        raise UserError(
            "--frame-ancestor '{origin}' is no origin: write it like https://example.org.",
            origin=origin[:100],
        )
    return origin


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
    cache = files.absolute(workspace.received)
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


def run_server(workspace: Workspace, options: dict[str, Any], listener: socket.socket) -> None:
    """Serve on the socket until a signal ends it; `options` are those of `ServerOptions`."""
    import uvicorn

    from neuroceleb.app import server

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    workspace = Workspace(files.absolute(workspace.root))
    print(f"Neuro-celeb is at {url_of(options['host'], listener)} (Ctrl-C ends it).", flush=True)
    if WATCHED in os.environ:
        _run_reloading(workspace, options, listener)
        return
    app = server.create(workspace, server.ServerOptions(**options))
    uvicorn.Server(_config(app)).run(sockets=[listener])


def _config(app: Any, **more: Any) -> Any:
    import uvicorn

    from neuroceleb.app import connections

    connections.BoundedProtocol.max_connections = connections.raise_descriptor_limit()
    logging.getLogger("uvicorn.error").addFilter(connections.WarningRateLimit())
    return uvicorn.Config(
        app,
        log_level="warning",
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        server_header=False,
        http=connections.BoundedProtocol,
        **more,
    )


def _run_reloading(workspace: Workspace, options: dict[str, Any], listener: socket.socket) -> None:
    """Serve, and start again whenever a source file changes: `gradio app.py`."""
    import uvicorn
    from uvicorn.supervisors import ChangeReload

    os.environ[RELOADED] = json.dumps({"root": str(workspace.root), "options": options})
    sources = Path(__file__).resolve().parents[1]
    config = _config(
        "neuroceleb.cli.serve:reloaded_app", factory=True, reload=True, reload_dirs=[str(sources)]
    )
    ChangeReload(config, target=uvicorn.Server(config).run, sockets=[listener]).run()


def reloaded_app() -> Any:
    """The app of the options that `_run_reloading` left for its child processes."""
    from neuroceleb.app import server

    left = json.loads(os.environ[RELOADED])
    auth = left["options"].pop("auth")
    options = server.ServerOptions(**left["options"], auth=tuple(auth) if auth else None)
    return server.create(Workspace(Path(left["root"])), options)


def url_of(host: str, listener: socket.socket) -> str:
    """The URL of the app for a browser on this machine."""
    port = listener.getsockname()[1]
    all_addresses = {"0.0.0.0", "::"}  # noqa: S104
    name = "127.0.0.1" if host in all_addresses else host.strip("[]")
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
