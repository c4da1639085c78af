"""What to write in place of a change that cannot begin within the horizon."""

from __future__ import annotations

from solver.domain.calendar import years_until
from solver.domain.catalog import Catalog
from solver.domain.workload import Workload
from solver.inputs.units import parse_quantity
from solver.time_value import MONTHS, present_value_factor
from solver.whatif.fields import Field
from solver.whatif.values import factor_of, now


def instead(field: Field, subject: str, value: str, month: str, workload: Workload, catalog: Catalog) -> str:
    """The change that comes nearest, for one line."""
    if field.name == "energy":
        mean = _mean_energy(field, subject, value, month, workload, catalog)
        if mean is not None:
            return f"write the mean of both, energy.{subject}={mean:.4g}"
    year = month[:4]
    return {
        "budget.capex": f"write budget.{year}={value} for a fiscal year",
        "budget.total": f"write budget.{year}={value} or opex.{year}={value} for a fiscal year",
        "peak": f"write demand.{subject}=x2 from {month}",
        "growth": f"write demand.{subject}=x1.3 from {month} for each year",
        "supply": f"write from.{subject}={month} for when it can be had",
        "minimum": f"write from.{subject}={month} for when it can be had",
        "exclude": f"write from.{value.partition(',')[0]}={month} for when it can be had",
    }.get(field.name, "write it without a month")


def _mean_energy(
    field: Field, subject: str, value: str, month: str, workload: Workload, catalog: Catalog
) -> float | None:
    """The constant price of energy that costs as much at constant use, discounted; None without a value."""
    horizon, rate = workload.horizon, workload.money.discount_rate
    old, factor = now(workload, field, subject, catalog), factor_of(value)
    try:
        new = (
            old * factor
            if factor is not None and old is not None
            else parse_quantity(value, "USD/kWh", bare=True)
        )
    except ValueError:
        return None
    begins, months = round(years_until(month, horizon.start) * MONTHS), round(horizon.years * MONTHS)
    if old is None or not 0 < begins < months:
        return None
    weights = [present_value_factor(rate, (m + 1) / MONTHS) for m in range(months)]
    return (old * sum(weights[:begins]) + new * sum(weights[begins:])) / sum(weights)
