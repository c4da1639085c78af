"""What to write in place of a change that cannot begin within the horizon."""

from __future__ import annotations

from solver.whatif.fields import Field


def instead(field: Field, subject: str, value: str, month: str) -> str:
    """The change that comes nearest, for one line."""
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
