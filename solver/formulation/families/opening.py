"""The family about sites that must be opened: none holds systems before."""

from __future__ import annotations

from solver.formulation.model import Program
from solver.formulation.problem import Problem
from solver.formulation.registry import family


@family(
    "open_sites", "buy[o,i,e] <= high site[i,e]; site[i,e-1] <= site[i,e] <= sum_{o, e' <= e} buy[o,i,e']"
)
def open_sites(problem: Problem, program: Program) -> None:
    """Bought and leased systems stand at open sites only.

    buy[o,i,e] <= high site[i,e];   site[i,e-1] <= site[i,e] <= sum_{o, e' <= e} buy[o,i,e'], where opening
    costs money; sum_o buy[o,i,e] <= 0 in epochs that start before the site can be had.
    """
    for i, site in enumerate(problem.sites):
        earlier: dict[int, float] = {}
        for e, epoch in enumerate(problem.epochs):
            here = [
                program.index[("buy", o, i, e)] for o, offer in enumerate(problem.offers) if offer.on_site
            ]
            name, words = f"open_sites[{site.name},{e}", f"systems stand at {site.name} once it is open"
            if problem.opens_years(site) > epoch.start_years + 1e-9:
                program.row(
                    f"{name},date]",
                    "open_sites",
                    dict.fromkeys(here, 1.0),
                    "<=",
                    0.0,
                    unit="systems",
                    statement=f"sites.{i}.open_from",
                    sentence=f"{site.name} can hold systems from {site.open_from}",
                )
            is_open, before = program.find("site", i, e), program.find("site", i, e - 1)
            if is_open is None:
                continue
            earlier |= dict.fromkeys(here, -1.0)
            rows = {"bought": earlier | {is_open: 1.0}}
            rows |= {str(c): {c: 1.0, is_open: -program.columns[c].high} for c in here}
            if before is not None:
                rows["stays"] = {before: 1.0, is_open: -1.0}
            for what, terms in rows.items():
                program.row(f"{name},{what}]", "open_sites", terms, "<=", 0.0, unit="systems", sentence=words)
