"""How the numbers of the page come about: a formula for each origin, and the kinds of inputs it takes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """How numbers are computed, and from which groups of inputs (see `solver.web.sources`)."""

    words: str
    inputs: tuple[str, ...] = ()


#: Groups of inputs, in the order in which they are told.
GROUPS = {
    "prices": "Prices",
    "energy": "Energy and power",
    "demand": "Demand",
    "levels": "Promises and limits",
    "throughput": "Performance",
    "money": "Money and time",
}
MONEY = ("prices", "energy", "money")
SERVED = ("demand", "levels", "throughput")

METHODS = {
    "systems": Method(
        "Counts are whole numbers chosen by the integer program, so that the cost is least and every promise "
        "is kept. Total of a line: count × (price + support − residual value), or count × hours × price per "
        "hour, with energy and space, at net present value (docs/formulation.md).",
        (*SERVED, *MONEY),
    ),
    "epochs": Method(
        "The fleet may change at the start of each epoch: a year where demand grows or changes, else the "
        "whole horizon, or what horizon.epoch states.",
        ("demand", "money"),
    ),
    "serving": Method(
        "Share = requests that the verified plan routes to a system or an API ÷ all requests of the service, "
        "added up over the hours of the horizon.",
        ("demand",),
    ),
    "capacity": Method(
        "Capacity = replicas × the load of each that is safe for the promised waiting time, from step times "
        "(roofline and calibration, or a measurement) and queueing (docs/formulation.md, section capacity).",
        SERVED,
    ),
    "service_levels": Method(
        "Percentiles over all requests of the horizon, from step times and the load of each pool "
        "(docs/formulation.md, section promise).",
        SERVED,
    ),
    "costs": Method(
        "Total = sum of the cost terms; each term = sum over its payments of "
        "amount × (1 + discount rate)^−years, recomputed exactly from counts, prices and traffic "
        "(docs/formulation.md, cost terms).",
        (*MONEY, "demand"),
    ),
    "per_token": Method(
        "Cost ÷ tokens of the horizon in millions; tokens are discounted like the money.",
        (*MONEY, "demand"),
    ),
    "cash_flow": Method(
        "Payments of each year as paid, with taxes where they are stated; their present value is the cost of "
        "the plan to the cent (workbook, sheets Payments and Cash flow).",
        MONEY,
    ),
    "bound": Method(
        "Gap = (cost − proven lower bound) ÷ cost. The bound is the solver's, from the same program; the "
        "exact check recomputes every constraint and cost in rational arithmetic.",
        (*MONEY, *SERVED),
    ),
    "binding": Method(
        "Limits without slack at the plan: what is left of each, and what one more unit would save with the "
        "fleet unchanged. Each names the statement it comes from.",
        (*MONEY, *SERVED),
    ),
    "wishes": Method(
        "Cost of the plan − cost of the cheapest plan without the statement, each solved and verified.",
        (*MONEY, *SERVED),
    ),
    "alternatives": Method(
        "Each is the cheapest plan with that hardware alone, solved within a gap of 0.01 %.",
        (*MONEY, *SERVED),
    ),
    "break_even": Method(
        "The optimal cost is concave and piecewise linear in a price; the system enters where the line of "
        "the plan without it meets the one with it, which is exact.",
        (*MONEY, *SERVED),
    ),
    "why": Method(
        "Cost of the cheapest plan with the old systems alone − cost of the new plan, term by term; both are "
        "solved and verified under the new assumptions.",
        (*MONEY, *SERVED),
    ),
    "answers": Method(
        "Every cost is that of a verified plan, solved for this question by the same program. What is "
        "searched lies between the last plan on one side and the first on the other.",
        (*MONEY, *SERVED),
    ),
    "assumptions": Method("Catalog values with source, date and evidence.", ("prices", "throughput")),
    "infeasible": Method(
        "Statements that cannot all be kept by any fleet, found by the same program; each is named with the "
        "place where it is written.",
        SERVED,
    ),
    "seconds": Method("Time from the request to the verified plan, on the machine that serves this page."),
}
