"""Questions about volume and speed: what more traffic costs, and what speed costs."""

from __future__ import annotations

import math
from textwrap import shorten

from solver.domain.told import Part, Told, number_of, told
from solver.errors import InputError, UsageError
from solver.whatif.cases import Answer, Case, Cell, factor, fleet_words, percent, solved
from solver.whatif.effort import Over


def next_traffic(case: Case, more: str = "10 %") -> Answer:
    """The cost of more traffic, beside the average cost of today's."""
    share = share_of(more)
    now = case.plan()
    then = case.plan(f"{1 + share:g} times today's demand", case.scaled(1 + share))
    extra = then.objective_usd - now.objective_usd
    average = now.objective_usd * share
    tokens = now.objective_usd / now.usd_per_m_output_tokens if now.usd_per_m_output_tokens else 0.0
    marginal = extra / (tokens * share) if tokens else 0.0
    part = number_of(percent(share), "asked", "next")
    per: tuple[Part, ...] = (
        *(", ", solved(f"${marginal:.4g}"), " per million output tokens; the average today is "),
        number_of(f"${now.usd_per_m_output_tokens:.4g}", "per_token"),
    )
    head = told(
        *("The next ", part, " of traffic cost ", solved(f"${extra:,.0f}"), *(per if tokens else ()), "."),
        " The fleet has room for it." if extra < 0.01 * average else "",
    )
    return Answer(
        asked=told("What does the next ", part, " of traffic cost?"),
        words=head,
        columns=("demand (times today)", "cost (USD)", "USD per M output tokens", "fleet"),
        rows=tuple(
            (f, p.objective_usd, p.usd_per_m_output_tokens, fleet_words(p))
            for f, p in ((1.0, now), (1 + share, then))
        ),
    )


def share_of(text: str) -> float:
    """A share from ``10 %`` or ``0.1``."""
    try:
        value = float(text.strip(" %+")) / (100 if "%" in text else 1)
    except ValueError:
        raise InputError.at(text[:40], 0, "is not a share", "write 10 %") from None
    if not 0 < value <= 100:
        raise InputError.at(text[:40], 0, "is out of range", "write 10 %")
    return value


def speed(case: Case, span: str = "4") -> Answer:
    """Cost against speed: all promised times per output token scaled up and down together."""
    reach = factor(span, 1.0, 100.0)
    promised = [s for s in case.loaded.workload.services if s.levels.tpot_ms is not None]
    if not promised:
        raise UsageError("no service promises a time per output token; set tpot.SERVICE=50 ms first")
    rows: list[tuple[Cell, ...]] = []
    found: dict[float, float] = {}
    over = ""
    for times in (1.0, reach, math.sqrt(reach), 1 / math.sqrt(reach), 1 / reach):
        lines = [f"tpot.{s.name}={(s.levels.tpot_ms or 0.0) * times!r} ms" for s in promised]
        try:
            result = case.ask(f"{1 / times:.3g} times the speed", case.changed(*lines))
        except Over as ending:
            if not found:
                raise
            over = f"{ending}."
            break
        slowest = min(1000 / ((s.levels.tpot_ms or 1.0) * times) for s in promised)
        cost = None if result.plan is None else result.plan.objective_usd
        if cost is not None:
            found[times] = cost
        rows.append(
            (1 / times, slowest, cost, fleet_words(result.plan) if result.plan else _shorter(result.message))
        )
    return Answer(
        asked=told("What does speed cost?"),
        words=_speed_headline(found, bool(over) or bool(case.effort.open)),
        columns=("speed (times today)", "tokens/s of each user, at least", "cost (USD)", "fleet"),
        rows=tuple(sorted(rows, key=lambda row: float(row[0] or 0.0))),
        notes=(over,) if over else (),
        complete=not over,
    )


def _shorter(message: str) -> str:
    return shorten(message, 200, placeholder=" ...")


def _speed_headline(found: dict[float, float], unfinished: bool) -> Told:
    """What the fastest that was found costs, ``found`` being dollars by times per output token."""
    fastest = min(found, default=0.0)
    if 1.0 in found and fastest < 1:
        extra = found[fastest] - found[1.0]
        more = solved(f"${extra:,.0f} more ({percent(extra / found[1.0], '+.0f')})")
        return told(solved(f"{1 / fastest:.3g} times"), " the speed costs ", more, ".")
    if unfinished:
        return told("No plan for more speed than is promised today was found in time.")
    return told("Nothing faster than what is promised today can be served.")
