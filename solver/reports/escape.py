"""The one place where text becomes safe for the format it is written in.

A plan carries text of others: names in workload files, sources of catalog entries, file names. Every
report passes it through `plain` first and then through the function of its format, so that it is read
as text and never as a command, a formula or markup.
"""

from __future__ import annotations

import html as _html
import json
import re
import unicodedata
from typing import Any

# Terminal control sequences, 7-bit and 8-bit (ECMA-48): strings (OSC, DCS, SOS, PM, APC) up to their
# terminator, CSI up to its final byte, other escapes of two characters.
_SEQUENCES = re.compile(
    r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f]).*?(?:\x07|\x1b\\|\x9c|$)"
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"
    r"|\x1b[ -/]*[0-~]?",
    re.DOTALL,
)
_BLANKS = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
#: Characters that make a spreadsheet read a cell as a formula (OWASP, CSV injection), also full width.
_FORMULA = "=+-@|%＝＋－＠"
_SEPARATED = re.compile(rf"([;|][\s\"]*)(?=[{re.escape(_FORMULA)}])")
_MARKDOWN = re.compile(
    r"[\\`*\[\]|~$^]|(?<![^\W_])_|_(?![^\W_])|^\s*[-+#=:]|^\s*(?P<item>\d+)(?P<dot>[.)])(?=\s|$)"
)
#: Longest text of an XLSX cell (ECMA-376 as implemented by Excel).
XLSX_LONGEST = 32_767


def plain(text: object) -> str:
    """``text`` as one line without control, formatting, private or invalid characters."""
    kept = []
    for character in _SEQUENCES.sub("", str(text)):
        if character in _BLANKS:
            kept.append(" ")
        elif unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn"):
            kept.append(character)
    return "".join(kept)


def html(text: object) -> str:
    """Text for HTML and SVG, inside elements and inside quoted attributes."""
    return _html.escape(plain(text), quote=True)


def markdown(text: object) -> str:
    """Text for a line or table cell of Markdown."""
    escaped = _MARKDOWN.sub(_marked, plain(text))
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _marked(found: re.Match[str]) -> str:
    """A mark of Markdown with a backslash before it; of a list's number before the dot (\\1 is no escape)."""
    return f"{found['item']}\\{found['dot']}" if found["item"] else f"\\{found[0].strip()}"


def csv_cell(value: Any) -> Any:
    """A CSV value: numbers stay numbers, text that a spreadsheet would calculate gets a quote in front."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = plain(value)
    if _NUMBER.fullmatch(text):
        return text
    text = _SEPARATED.sub(r"\1'", text)
    return f"'{text}" if text.lstrip().startswith(tuple(_FORMULA)) else text


def xlsx_text(value: object) -> str:
    """Text for a cell that is written with the type string."""
    text = plain(value)
    return text if len(text) <= XLSX_LONGEST else text[: XLSX_LONGEST - 1] + "…"


def json_text(value: Any, indent: int | None = 2) -> str:
    """JSON in ASCII: control and formatting characters stand as escapes, so that a terminal stays calm."""
    return json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=True).replace("\x7f", "\\u007f")


def json_in_html(value: Any) -> str:
    """JSON that may stand inside any HTML element: still JSON, and free of ``<``, ``>`` and ``&``."""
    text = json_text(value)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
