"""Where the numbers of the page come from: catalog values with their sources, and how the rest is found."""

from __future__ import annotations

from solver.plan.plan import Plan
from solver.reports.fleet import Names
from solver.reports.words import quantity_words, value_words

#: Table -> how its numbers come about (the links of numbers without a catalog value of their own).
METHODS = {
    "systems": "Counts are whole numbers chosen by the integer program; totals are net present dollars with "
    "energy, space and support (docs/formulation.md).",
    "pools": "Replicas and batches follow from the operating point of each configuration: roofline and "
    "calibration, or a measurement (docs/formulation.md, sections capacity and pool_size).",
    "serving": "Shares are the routing of the verified plan, weighted by the requests of each hour.",
    "service_levels": "Percentiles over all requests of the horizon, from step times and the safe load of "
    "each pool (docs/formulation.md, section promise).",
    "costs": "Each term is recomputed exactly from counts, prices and traffic (docs/formulation.md, "
    "cost terms).",
    "cash_flow": "Payments of each year as paid, with taxes where they are stated; their present value is "
    "the cost of the plan to the cent (workbook, sheets Payments and Cash flow).",
    "power": "Maximum power of bought systems at the racks.",
    "binding": "Limits without slack at the plan; each names the statement it comes from.",
    "alternatives": "Each is the cheapest plan with that hardware alone, solved within a gap of 0.01 %.",
    "break_even": "The optimal cost is concave and piecewise linear in a price; the break-even is exact.",
    "assumptions": "Catalog values with source, date and evidence.",
}


def anchor(subject: str, quantity: str) -> str:
    """The id of a piece of evidence."""
    return "".join(c if c.isalnum() else "-" for c in f"{subject}-{quantity}".lower())


def evidence(plan: Plan) -> list[dict[str, str]]:
    """Catalog values the plan rests on, with anchors."""
    names = Names(plan)
    return [
        {
            "id": f"evidence-{anchor(a.subject, a.quantity)}",
            "what": f"{names.system(a.subject)}, {quantity_words(a.quantity)}: {value_words(a)}",
            "evidence": a.evidence,
            "source": a.source,
            "date": a.date,
        }
        for a in plan.assumptions
    ]
