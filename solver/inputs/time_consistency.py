"""Epochs that cut through a change of demand, and values of used systems stated twice."""

from __future__ import annotations

import math
from collections.abc import Iterable

from solver.domain.calendar import INSTANT, span, years_until
from solver.domain.money import WorkloadOffer
from solver.domain.quantity import simplest
from solver.domain.workload import Workload
from solver.inputs.draft import Draft
from solver.inputs.validation import shorten


def check_time(draft: Draft, workload: Workload) -> None:
    """Complain about a stated epoch within which the demand changes, and about offers with two values."""
    step, horizon = workload.horizon.epoch_years, workload.horizon
    grows = any(s.demand.grows for s in workload.services)
    if step is not None and grows and (1 / simplest(step)).denominator > 1:
        words = f"an epoch of {step:g} years, while demand grows from year to year"
        draft.complain("horizon.epoch_years", words, "write 1 year or a whole part of a year")
    for index, service in enumerate(workload.services):
        dates = [(f"demand.steps.{month}", month) for month in service.demand.steps]
        dates += [
            (name, month) for name, month in (("starts", service.starts), ("ends", service.ends)) if month
        ]
        _within(draft, workload, service.demand.steps, f"services.{index}.demand.steps")
        for path, month in dates:
            at = years_until(month, horizon.start)
            if step is not None and at < horizon.years and (simplest(at) / simplest(step)).denominator > 1:
                words = f"{month} lies within an epoch of {12 * step:g} months"
                remedy = "write an epoch that ends then, or leave epoch out"
                draft.complain(f"services.{index}.{path}", words, remedy)
    for index, site in enumerate(workload.sites):
        _within(draft, workload, site.energy_steps, f"sites.{index}.energy_steps")
    for system, month in workload.hardware.owned_until.items():
        if not workload.hardware.owned.get(system) or years_until(month, horizon.start) == 0:
            words = f"no {shorten(system)} is owned at the start, {horizon.start}"
            draft.complain(f"hardware.owned_until.{system}", words, "write a later month, or leave it out")
    for index, offer in enumerate(workload.offers):
        if offer.resale_by_age and offer.residual_share is not None:
            words = "'resale_by_age' and 'residual_share' state the same thing"
            draft.complain(f"offers.{index}.resale_by_age", words, "keep one of the two")
        _check_term(draft, workload, index, offer)


def _check_term(draft: Draft, workload: Workload, index: int, offer: WorkloadOffer) -> None:
    """Complain about a term or life that is shorter than each epoch: nothing could be got for a whole one."""
    step, years = workload.horizon.epoch_years, workload.horizon.years
    if step is None or offer.kind in ("rent", "spot"):
        return
    bought = offer.kind == "buy"
    life = (offer.life_years or years) if bought else offer.term_months / 12
    shortest = min(step, years - (math.ceil(years / step - INSTANT) - 1) * step)
    if life < shortest - INSTANT:
        words = f"a {'life' if bought else 'term'} of {span(life)} ends within each epoch of {span(step)}"
        path = f"offers.{index}.{'life_years' if bought else 'term_months'}"
        draft.complain(path, words, "write an epoch that ends with it, or leave epoch out")


def _within(draft: Draft, workload: Workload, months: Iterable[str], path: str) -> None:
    """Complain about months of steps that lie after the horizon, where they change nothing."""
    years, start = workload.horizon.years, workload.horizon.start
    for month in months:
        if years_until(month, start) >= years:
            words = f"{month} lies after the horizon of {years:g} years from {start}, so it changes nothing"
            draft.complain(f"{path}.{month}", words, "write a month within the horizon, or leave it out")
