"""Serve Neuro-celeb's page: `python app.py`, then open the address it prints."""

import argparse
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import NoReturn

from neuroceleb.app.access import is_loopback
from neuroceleb.errors import UserError
from neuroceleb.runs.workspace import Workspace, default_workspace

PATIENCE_S = 1  # with open connections, once it is asked to end


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaints are one sentence."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message[:1].upper()}{message[1:]}: see python app.py --help.")


def main(arguments: list[str] | None = None) -> int:
    """Serve until told to stop; 0, or 2 with a sentence on stderr for what the user can mend."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(read_arguments(arguments))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def read_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; raises UserError."""
    parser = Parser(prog="app.py", description="Serve Neuro-celeb's page.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=7860, help="port to listen on; 0: any free one")
    parser.add_argument(
        "--workspace",
        type=Path,
        default=default_workspace(),
        metavar="DIR",
        help="folder that holds checkpoints/ and datasets/",
    )
    parser.add_argument("--auth", metavar="USER:PASSWORD", help="ask visitors for these")
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> None:
    """Check the options, take the port, then load what is slow to load and serve."""
    auth = read_auth(options.auth)
    workspace = read_workspace(options.workspace)
    if auth is None and not is_loopback(options.host):
        print(
            f"Warning: with --host {options.host} anyone who reaches this machine can use the "
            "page; add --auth USER:PASSWORD to ask for a password.",
            file=sys.stderr,
        )
    listener = listen(options.host, options.port)
    with listener:
        prepare_gradio(workspace)
        run_server(workspace, options.host, auth, listener)


def read_auth(text: str | None) -> tuple[str, str] | None:
    """USER:PASSWORD in two; raises UserError where one of them is missing."""
    if text is None:
        return None
    user, _, password = text.partition(":")
    if not user or not password:
        raise UserError("--auth must be written USER:PASSWORD, neither of them empty.")
    return user, password


def read_workspace(path: Path) -> Workspace:
    """The workspace in a folder; raises UserError where there is no such folder."""
    if not path.is_dir():
        raise UserError(f"The workspace {path} is not a folder: make it or name another.")
    return Workspace(path.resolve())


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there; raises UserError where that cannot be."""
    if not 0 <= port <= 65535:
        raise UserError(f"--port {port} is no port: use a number from 1 to 65535.")
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
            f"{host}:{port} cannot be listened on ({error.strerror}): "
            "end what uses it, or choose another --port or --host."
        ) from error
    return listener


def prepare_gradio(workspace: Workspace) -> None:
    """Tell Gradio, before it is imported, to stay at home and where to put its files."""
    cache = workspace.root / ".cache" / "gradio"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"{cache} could not be made ({error.strerror}): use another --workspace."
        ) from error
    os.environ["GRADIO_TEMP_DIR"] = str(cache)
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Read when torch is loaded: its threads sleep while they wait, instead of spinning on cores
    # that visitors and trainings need (docs/results.md, "Serving").
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def run_server(
    workspace: Workspace, host: str, auth: tuple[str, str] | None, listener: socket.socket
) -> None:
    """Serve on the socket until a signal ends it."""
    import uvicorn

    from neuroceleb.app import server

    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    app = server.create(workspace, host, auth)
    config = uvicorn.Config(
        app, log_level="warning", timeout_graceful_shutdown=PATIENCE_S, server_header=False
    )
    print(f"Neuro-celeb is at {address_of(host, listener)} (Ctrl-C ends it).", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def address_of(host: str, listener: socket.socket) -> str:
    """What to type into a browser on this machine."""
    port = listener.getsockname()[1]
    everywhere = {"0.0.0.0", "::"}  # noqa: S104
    name = "127.0.0.1" if host in everywhere else host.strip("[]")
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


if __name__ == "__main__":
    sys.exit(main())
