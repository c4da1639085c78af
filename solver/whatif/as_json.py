"""Responses of a session as JSON values."""

from __future__ import annotations

from typing import Any

from solver.whatif.commands import Response
from solver.whatif.planner import Result
from solver.whatif.why import why_words


def as_json(response: Response) -> dict[str, Any]:
    """A response as JSON values; the plan by its main figures (the whole plan: `plan` of the state)."""
    found: dict[str, Any] = {"line": response.line, "kind": response.kind}
    if response.message:
        found["message"] = response.message
    if response.state is not None:
        found["state"] = response.state.number
        found["changes"] = list(response.state.changes)
    if response.result is not None:
        found |= result_json(response.result)
    if response.difference is not None:
        found["difference"] = response.difference.model_dump(mode="json")
    if response.reason is not None:
        found["why"] = response.reason.model_dump(mode="json") | {"words": why_words(response.reason)}
    if response.answer is not None:
        found["answer"] = response.answer.model_dump(mode="json")
    if response.columns:
        found["rows"] = [dict(zip(response.columns, row, strict=True)) for row in response.rows]
    return found


def result_json(result: Result) -> dict[str, Any]:
    """The main figures of a plan, or why there is none."""
    plan = result.plan
    if plan is None:
        return {"verified": False, **result.refusal}
    return {
        "outcome": plan.outcome,
        "verified": plan.verified,
        "objective_usd": plan.objective_usd,
        "bound_usd": plan.bound_usd,
        "gap": plan.gap,
        "usd_per_m_output_tokens": plan.usd_per_m_output_tokens,
        "systems": [s.model_dump(mode="json") | {"way": plan.way(s)} for s in plan.systems],
        "costs": {c.term: c.usd for c in plan.costs},
        "service_levels": [s.model_dump(mode="json") for s in plan.service_levels],
        "binding": [b.sentence for b in plan.binding],
    }
