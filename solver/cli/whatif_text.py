"""Responses of a what-if session on the terminal."""

from __future__ import annotations

from rich.console import Console, JustifyMethod
from rich.table import Column
from rich.text import Text

from solver.domain.calendar import span
from solver.plan.plan import Plan
from solver.reports.answers import answer_section
from solver.reports.escape import plain
from solver.reports.sections import cost_words
from solver.reports.terminal import grid, print_plan, print_section
from solver.reports.units import dollars, percent, usd
from solver.reports.words import runner_up
from solver.whatif.cases import Answer
from solver.whatif.commands import Response
from solver.whatif.difference import WAY_WORDS, Difference
from solver.whatif.why import why_words


def print_response(response: Response, console: Console) -> None:
    """Print what a line led to."""
    if response.message and response.kind != "table":
        say(console, response.message)
    if response.kind == "table":
        say(console, response.message, "bold")
        print_table(console, response.columns, response.rows)
    elif response.kind == "answer" and response.answer is not None:
        print_answer(response.answer, console)
    elif response.kind == "state":
        _state(response, console)
    elif response.kind in ("change", "compare"):
        _change(response, console)


def say(console: Console, text: str, style: str = "") -> None:
    """One line of plain text."""
    console.print(Text(plain(text), style=style))


def print_table(
    console: Console,
    columns: tuple[str, ...],
    rows: tuple[tuple[str, ...], ...],
    right: tuple[int, ...] = (),
) -> None:
    """A table of texts."""
    sides: list[JustifyMethod] = ["right" if n in right else "left" for n in range(len(columns))]
    heads = [Column(Text(name), justify=side) for name, side in zip(columns, sides, strict=True)]
    console.print(grid(heads, rows))


def _state(response: Response, console: Console) -> None:
    result = response.result
    if result is None:
        return
    if result.plan is None:
        say(console, f"no plan: {result.outcome}. {result.message}", "bold")
    else:
        print_plan(result.plan, console)


def _change(response: Response, console: Console) -> None:
    result, found = response.result, response.difference
    if response.state is not None:
        say(console, f"{response.names[0]}  ->  {response.names[1]}", "bold")
    if result is not None and result.plan is None:
        said, *reasons = result.message.splitlines() or [""]
        say(console, f"no plan: {result.outcome}. {said}")
        for reason in reasons:
            say(console, f"  - {reason}")
        return
    if found is None:
        if result is not None and result.plan is not None:
            say(console, f"there was no plan before; now: {total_words(result.plan)}")
        return
    console.print()
    print_difference(found, console)
    if response.reason is not None:
        print_reasons(response, console)


def print_reasons(response: Response, console: Console) -> None:
    """What binds, why the fleet changed, and the runner-up."""
    result, found = response.result, response.difference
    if result is None or result.plan is None or found is None:
        return
    _binds(result.plan, found, console)
    if response.reason is not None:
        say(console, f"Why: {why_words(response.reason)}")
    other = runner_up(result.plan)
    if other is not None and other.objective_usd is not None:
        extra = percent(other.extra_share or 0.0, signed=True)
        say(console, f"Runner-up: {other.name}, {usd(other.objective_usd)} ({extra}).")


def total_words(plan: Plan) -> str:
    """The total and what it is per token."""
    total = f"{usd(plan.objective_usd)} over {span(plan.horizon_years)}"
    per = plan.usd_per_m_output_tokens
    return f"{total}, {dollars(per)} per million output tokens" if per else total


def print_difference(found: Difference, console: Console) -> None:
    """Fleet, who serves what, money by term and year."""
    rows = tuple(
        (
            f"{c.name}, {c.site}",
            WAY_WORDS.get(c.way, c.way),
            f"{c.before:,}",
            f"{c.after:,}",
            moved(c.before, c.after),
        )
        for c in found.fleet
    )
    if rows:
        print_table(console, ("Fleet", "How", "Before", "After", ""), rows, (2, 3, 4))
    served = tuple(
        (s.service, s.server, percent(s.before), percent(s.after))
        for s in found.serving
        if abs(s.before - s.after) > 5e-4
    )
    if served:
        print_table(console, ("Service", "Served by", "Before", "After"), served, (2, 3))
    money = [
        (cost_words(c.term), usd(c.before_usd), usd(c.after_usd), signed(c.after_usd - c.before_usd))
        for c in found.costs
    ]
    extra = found.after_usd - found.before_usd
    share = f" ({percent(extra / found.before_usd, signed=True)})" if found.before_usd else ""
    money.append(("total", usd(found.before_usd), usd(found.after_usd), signed(extra) + share))
    print_table(console, ("Cost, net present", "Before", "After", "Change"), tuple(money), (1, 2, 3))
    years = tuple(
        (f"year {y.year}", usd(y.before_usd), usd(y.after_usd), signed(y.after_usd - y.before_usd))
        for y in found.years
    )
    print_table(console, ("Paid in", "Before", "After", "Change"), years, (1, 2, 3))


def _binds(plan: Plan, found: Difference, console: Console) -> None:
    for words, sentences in (("binds now", found.binds_now), ("binds no longer", found.binds_no_longer)):
        for sentence in sentences:
            say(console, f"{words}: {sentence}")
    if plan.binding and not found.binds_now:
        say(console, "still binds: " + "; ".join(b.sentence for b in plan.binding))


def moved(before: int, after: int) -> str:
    """+2, -1 or nothing."""
    return f"{after - before:+,}" if after != before else ""


def signed(value: float) -> str:
    """Dollars with a sign; nothing below half a cent."""
    return "" if abs(value) < 0.005 else f"{'+' if value > 0 else ''}{usd(value)}"


def print_answer(found: Answer, console: Console) -> None:
    """The answer to a question."""
    say(console, found.question, "bold")
    say(console, found.headline)
    print_section(answer_section(found), console)
