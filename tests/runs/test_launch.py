"""The messages of processes that were started with JSON_ERRORS."""

import json
import subprocess
from pathlib import Path

from neuroceleb.errors import Message
from neuroceleb.runs import launch
from neuroceleb.runs.workspace import Workspace


def test_a_process_writes_its_error_with_its_parameters(tmp_path: Path) -> None:
    done = subprocess.run(
        [*launch.command_line("verdict", Workspace(tmp_path)), "nothing"],
        env=launch.environment() | launch.JSON_ERRORS,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2
    message = launch.message_of(done.stderr.decode().splitlines()[-1])
    assert message.text.startswith("There is no run '{name}'") or "{model}" in message.text
    assert "'nothing'" in str(message)


def test_other_lines_are_messages_as_they_are() -> None:
    for line in ("Usage: {a}", "[]", "{}", '{"text": 3, "parameters": {}}', "[" * 100_000):
        assert launch.message_of(line) == Message(line)
    line = json.dumps(Message("{n} {what}", n=1, what=Message("faces")).to_json())
    assert str(launch.message_of(line)) == "1 faces"
