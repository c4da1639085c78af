"""Tables of a plan for the page: every cell with a number leads to where the number comes from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from markupsafe import Markup

from solver.domain.told import Origin
from solver.plan.plan import Plan
from solver.reports.fleet import deciding, fleet
from solver.reports.section import Column, Section
from solver.reports.sections import sections
from solver.web.sources import Sources

#: Promise of a plan -> field of the levels that states it.
LEVELS = {"TTFT": "ttft_ms", "TPOT": "tpot_ms", "end to end": "end_to_end_s", "deadline": "deadline_hours"}


@dataclass(frozen=True)
class Block:
    """A table for the page."""

    key: str
    title: str
    caption: Markup
    columns: tuple[Column, ...]
    texts: tuple[tuple[str | Markup, ...], ...]
    total: bool = False


def blocks(plan: Plan, sources: Sources, keys: Iterable[str]) -> list[Block]:
    """The named tables of a plan."""
    wanted = tuple(keys)
    return [_block(plan, s, sources) for s in sections(plan) if s.key in wanted]


def _block(plan: Plan, section: Section, sources: Sources) -> Block:
    def origin(n: int, column: str) -> Origin:
        """Where the number in a row and column comes from."""
        return _origin(plan, section, n, column)

    return linked(section, sources, origin, _method(section.key))


def linked(section: Section, sources: Sources, origin: Callable[[int, str], Origin], method: str) -> Block:
    """A table whose numbers lead to their ``origin`` (of a row and column), the caption to its ``method``."""
    texts = [
        tuple(
            sources.whole(text, *origin(n, column.name), number=column.right)
            for text, column in zip(row, section.columns, strict=True)
        )
        for n, row in enumerate(section.texts)
    ]
    caption = sources.whole(section.caption, method)
    return Block(section.key, section.title, caption, section.columns, tuple(texts), section.total)


def _method(key: str) -> str:
    return key if key in ("costs", "serving", "service_levels", "binding", "alternatives") else "systems"


def _origin(plan: Plan, section: Section, n: int, column: str) -> Origin:
    """Where the number in a cell comes from."""
    key = section.key
    if key == "assumptions" and column != "Of cost":
        return ("catalog", deciding(plan)[n].subject, deciding(plan)[n].quantity)
    lines = fleet(plan)
    if key == "systems" and column == "Unit price" and n < len(lines):
        line = lines[n]
        kind = "buy" if line.acquisition in ("buy", "own", "replace") else "rent"
        return ("catalog", line.system, f"{kind} price")
    if key == "systems" and column == "How":
        return ("epochs",)
    if key == "break_even":
        now = column == "Price now"
        return ("catalog", plan.break_even[n].system, "buy price") if now else ("break_even",)
    if key == "service_levels" and column.startswith("Promise"):
        return _promise(plan, n)
    if key == "binding" and column in ("Statement", "Written in"):
        return ("stated", plan.binding[n].statement)
    if column.startswith("per M"):
        return ("per_token",)
    return ("costs",) if key == "assumptions" else (key,)


def _promise(plan: Plan, n: int) -> Origin:
    level, services = plan.service_levels[n], plan.inputs.get("workload", {}).get("services", ())
    names = [str(s["name"]) for s in services]
    field = next((f for word, f in LEVELS.items() if level.promise.startswith(word)), "tpot_ms")
    return (
        ("stated", f"services.{names.index(level.service)}.levels.{field}") if level.service in names else ()
    )
