"""The command line `neuroceleb <verb>`, also `python -m neuroceleb <verb>`.

Everything the browser can do, for a machine without one. The exit code is 0, or 2 with one
sentence on stderr for what the user can fix, or 130 after Ctrl-C.
"""

import importlib
import json
import os
import sys
from collections.abc import Sequence

import click

from neuroceleb import __version__, files
from neuroceleb.errors import UserError

# Where the command of each verb is, under neuroceleb.cli.
VERBS = {
    "crop": "crop:crop",
    "delete": "delete:delete",
    "doctor": "doctor:doctor",
    "duplicate": "duplicate:duplicate",
    "evaluate": "evaluate:evaluate",
    "explore": "explore:explore",
    "export": "export:export",
    "import": "import_run:import_run",
    "interpolate": "interpolate:interpolate",
    "persons": "persons:persons",
    "push": "push:push",
    "queue": "queue:list_queue",
    "rename": "rename:rename",
    "runs": "runs:list_runs",
    "sample": "sample:sample",
    "serve": "serve:serve",
    "stop": "stop:stop",
    "timelapse": "timelapse:timelapse",
    "train": "train:train",
    "trash": "trash:list_trash",
    "verdict": "verdict:show_verdict",
}


class Verbs(click.Group):
    """Imports the module of a verb when it is called: none waits for what another imports."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, _, attribute = VERBS[cmd_name].partition(":")
        command = getattr(importlib.import_module(f"neuroceleb.cli.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=Verbs,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", message="%(prog)s %(version)s")
def cli() -> None:
    """Turn a folder of photos into a face GAN, and explore its latent space."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one verb (by default that of sys.argv) and exit the process with its exit code."""
    try:
        cli.main(arguments, prog_name="neuroceleb", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message())
        sys.exit(2)
    except click.ClickException as error:
        _fail(error.format_message())
    except UserError as error:
        _fail(_formatted(error))
    except (click.Abort, KeyboardInterrupt):
        print("Interrupted.", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # nobody reads the output any more: Python must not flush it at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a full or read-only disk, wherever it shows
        known = files.user_error_of(error)
        if known is None:
            raise
        _fail(_formatted(known))
    sys.exit(0)


def _formatted(error: UserError) -> str:
    """The sentence, or the whole message for the process that asked for it (`runs.launch`)."""
    if os.environ.get("NEUROCELEB_ERRORS") == "json":
        return json.dumps(error.message.to_json())
    return str(error)


def _fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(2)
