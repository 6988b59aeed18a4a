"""Running modules of the exported page in node, where it is installed."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from neuroceleb.export.bundle import PAGE

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed")


def run(code: str, *arguments: str | Path) -> Any:
    """What `code`, a module that imports from "PAGE/", prints as JSON; arguments are in `given`."""
    assert NODE is not None
    source = "const given = process.argv.slice(1);\n" + code.replace("PAGE/", f"{PAGE.as_uri()}/")
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", source, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
