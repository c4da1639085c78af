"""The figures of the HTML report, from a plan to SVG."""

from __future__ import annotations

from solver.domain.told import number_of, told
from solver.plan.plan import Plan
from solver.reports.demand_figures import Figure, Link, demand_figure, headroom_figure, whole_percent
from solver.reports.fleet import Names, fleet
from solver.reports.sections import cost_words
from solver.reports.svg import Bar, bar_figure, share_figure
from solver.reports.svg_parts import NEUTRAL
from solver.reports.traffic import Traffic
from solver.reports.units import counted, listed, number, percent, usd, usd_tick
from solver.reports.words import kept


def figures(plan: Plan, link: Link = lambda origin: "") -> list[Figure]:
    """All figures that the plan has data for; ``link`` tells where the numbers of an origin lead to."""
    traffic, names = Traffic(plan), Names(plan)
    styles = _styles(plan, traffic, names)
    found = [_costs(plan, link), _fleet(plan, styles, link)]
    if len({hour.hour for hour in traffic.hours}) > 1:
        found += [demand_figure(traffic, names, styles, n, link) for n in range(len(traffic.services))]
    elif traffic.hours:
        found.append(headroom_figure(traffic, link))
    found += [_shares(traffic, names, styles, link), _alternatives(plan, names, link), _levels(plan, link)]
    return [figure for figure in found if figure is not None]


def _styles(plan: Plan, traffic: Traffic, names: Names) -> dict[str, int]:
    """One number per kind of hardware or API: the same colour and pattern in every figure."""
    kinds = [line.name for line in fleet(plan)]
    for service in traffic.services:
        kinds += [names.target(t) for t in (*traffic.shares(service), *traffic.prefill_shares(service))]
    return {name: n for n, name in enumerate(dict.fromkeys(kinds))}


def _costs(plan: Plan, link: Link) -> Figure | None:
    lines = sorted(plan.costs, key=lambda c: -c.usd)
    if not lines:
        return None
    total, start = sum(line.usd for line in lines), 0.0
    bars = []
    for line in lines:
        part = percent(line.usd / total) if total else ""
        begin, start = start, start + line.usd
        bars.append(
            Bar(cost_words(line.term), max(begin, start), f"{usd(line.usd)} ({part})", min(begin, start))
        )
    bars.append(Bar("total", total, usd(total)))
    words = listed([f"{cost_words(line.term)} {usd(line.usd)}" for line in lines])
    title = "Where the money goes"
    caption = told("Net present US dollars over the horizon; each bar starts where the one above it ends.")
    words, to = f"{words}; total {usd(total)}.", link(("costs",))
    return Figure(title, caption, bar_figure("cost", title, words, bars, usd_tick, link=to))


def _fleet(plan: Plan, styles: dict[str, int], link: Link) -> Figure | None:
    lines = fleet(plan)
    if not lines:
        return None
    several = len(plan.power_kw) > 1
    bars = [
        Bar(
            ", ".join([line.name, *([line.site] if several else []), line.way]),
            line.count,
            f"{'up to ' if line.acquisition == 'rent-hourly' else ''}{line.count:,}",
            series=styles[line.name],
        )
        for line in lines
    ]
    title = "The fleet"
    words = listed([f"{bar.text} {bar.label}" for bar in bars])
    caption = told("Number of systems; those rented by the hour: most at once.")
    drawing = bar_figure("fleet", title, f"{words}.", bars, _whole, link=link(("systems",)))
    return Figure(title, caption, drawing)


def _whole(value: float) -> str:
    return f"{value:g}" if value == int(value) else ""


def _shares(traffic: Traffic, names: Names, styles: dict[str, int], link: Link) -> Figure | None:
    rows: list[tuple[str, dict[str, float]]] = []
    for service in traffic.services:
        shares: dict[str, float] = {}
        for target, share in traffic.shares(service).items():
            shares[names.target(target)] = shares.get(names.target(target), 0.0) + share
        if shares:
            rows.append((service, shares))
        prefill: dict[str, float] = {}
        for target, share in traffic.prefill_shares(service).items():
            prefill[names.target(target)] = prefill.get(names.target(target), 0.0) + share
        if prefill:
            rows.append((f"{service}, prefill", prefill))
    if not rows:
        return None
    hardware = sorted({name for _, shares in rows for name in shares}, key=styles.__getitem__)
    title = "Who serves what"
    words = "; ".join(
        f"{service}: {listed([f'{name} {percent(share)}' for name, share in shares.items()])}"
        for service, shares in rows
    )
    drawing = share_figure(
        "share",
        title,
        f"{words}.",
        [(service, [shares.get(name, 0.0) for name in hardware]) for service, shares in rows],
        [(name, styles[name]) for name in hardware],
        link(("serving",)),
    )
    return Figure(title, told("Share of each service's requests over the horizon, by hardware."), drawing)


def _alternatives(plan: Plan, names: Names, link: Link) -> Figure | None:
    found = [(a, a.objective_usd) for a in plan.alternatives if a.objective_usd is not None]
    if not found:
        return None
    bars = [Bar("this plan", plan.objective_usd, usd(plan.objective_usd))]
    for a, cost in found[:12]:
        extra = f" ({percent(a.extra_share, signed=True)})" if a.extra_share is not None else ""
        bars.append(Bar(names.in_words(a.name), cost, f"{usd(cost)}{extra}", series=5))
    title = "What the alternatives cost"
    caption = "Net present US dollars of the best fleet of each single kind of hardware."
    without = sum(not a.feasible for a in plan.alternatives)
    if without:
        caption += f" Without a plan: {counted(without, 'kind')}; the table of alternatives tells why."
    words, to = listed([f"{bar.label} {bar.text}" for bar in bars]), link(("alternatives",))
    drawing = bar_figure("alternatives", title, f"{words}.", bars, usd_tick, link=to)
    return Figure(title, told(caption), drawing)


def _levels(plan: Plan, link: Link) -> Figure | None:
    bars = []
    speeds = {s.service for s in plan.service_levels if "speed" in s.promise}
    for s in plan.service_levels:
        if s.promise == "TPOT" and s.service in speeds:
            continue  # the same promise in other words
        speed = "speed" in s.promise
        used = (s.promised / s.reached if speed else s.reached / s.promised) if s.reached else 0.0
        verdict = "" if kept(s.promise, s.promised, s.reached) else " NOT KEPT"
        relation = "≥" if speed else "≤"
        label = f"{s.service}: {s.promise} {relation} {number(s.promised)} {s.unit}, p{s.percentile * 100:g}"
        series = NEUTRAL if not verdict else 3
        bars.append(Bar(label, used, f"{number(s.reached)} {s.unit}{verdict}", series=series))
    if not bars:
        return None
    title = "Service levels: reached against promised"
    words = listed([f"{bar.label} reached {bar.text}" for bar in bars])
    caption = told(
        "Length of a bar: reached latency over promised latency (for speeds: promised over reached); up to ",
        number_of("100 %", "service_levels"),
        " the promise is kept.",
    )
    to = link(("service_levels",))
    drawing = bar_figure("levels", title, f"{words}.", bars, whole_percent, mark=(1.0, "promise"), link=to)
    return Figure(title, caption, drawing)
