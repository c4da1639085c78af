"""Epochs that cut through a change of demand, and values of used systems stated twice."""

from __future__ import annotations

from solver.domain.calendar import INSTANT, years_until
from solver.domain.workload import Workload
from solver.inputs.draft import Draft


def check_time(draft: Draft, workload: Workload) -> None:
    """Complain about a stated epoch within which the demand changes, and about offers with two values."""
    step, horizon = workload.horizon.epoch_years, workload.horizon
    grows = any(s.demand.growth_per_year for s in workload.services)
    if step is not None and grows and abs(round(1 / step) * step - 1) > INSTANT:
        words = f"an epoch of {step:g} years, while demand grows from year to year"
        draft.complain("horizon.epoch_years", words, "write 1 year or a whole part of a year")
    for index, service in enumerate(workload.services):
        dates = [(f"demand.steps.{month}", month) for month in service.demand.steps]
        dates += [
            (name, month) for name, month in (("starts", service.starts), ("ends", service.ends)) if month
        ]
        for path, month in dates:
            at = years_until(month, horizon.start)
            if step is not None and at < horizon.years and abs(round(at / step) * step - at) > INSTANT:
                words = f"{month} lies within an epoch of {12 * step:g} months"
                remedy = "write an epoch that ends then, or leave epoch out"
                draft.complain(f"services.{index}.{path}", words, remedy)
    for index, offer in enumerate(workload.offers):
        if offer.resale_by_age and offer.residual_share is not None:
            words = "'resale_by_age' and 'residual_share' state the same thing"
            draft.complain(f"offers.{index}.resale_by_age", words, "keep one of the two")
