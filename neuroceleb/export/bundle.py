"""ES modules joined into one script, for a page that has no server to load them from.

Each module becomes a function that returns its exports. The modules of `page/` import names from
files beside them, at the top, and export declarations.
"""

import re
from pathlib import Path

PAGE = Path(__file__).parent / "page"

_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:const|let|function|class) (\w+))", re.MULTILINE)


def bundle(entry: str) -> str:
    """The script of a module of `page/` with all that it imports, each once, in order of use."""
    parts: dict[str, str] = {}
    _add(entry, parts)
    return "\n".join(parts.values())


def _add(name: str, parts: dict[str, str]) -> None:
    if name in parts:
        return
    source = asset(f"{name}.js")
    for _, imported in _IMPORT.findall(source):
        _add(imported, parts)
    exports = ", ".join(_EXPORT.findall(source))
    body = _EXPORT.sub("", _IMPORT.sub(_unpacking, source)).strip()
    parts[name] = f"const {name}Module = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();\n"


def _unpacking(match: re.Match[str]) -> str:
    return f"const {{{match[1].replace(' as ', ': ')}}} = {match[2]}Module;"


def asset(name: str) -> str:
    """The text of a file of `page/`."""
    return (PAGE / name).read_text("utf-8")
