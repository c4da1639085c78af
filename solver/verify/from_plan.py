"""Check a plan against the question that travels with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from solver.domain.workload import Workload
from solver.errors import Complaint, InputError, Place
from solver.plan.plan import Plan
from solver.plan.serialise import api_from_dict, point_from_dict
from solver.verify.case import Case
from solver.verify.facts import OfferFacts, PlaceFacts, Verdict
from solver.verify.settle import settled
from solver.verify.verify import verify_case, well_formed

T = TypeVar("T")
_OFFER, _PLACE = TypeAdapter(OfferFacts), TypeAdapter(PlaceFacts)


def verify_plan(plan: Plan, file: str = "plan") -> Verdict:
    """Verdict on a plan whose ``inputs`` hold the workload, offers, systems and API points as JSON values.

    InputError (naming ``file``) if these are missing or damaged.
    """
    return verify_case(case_of(plan, file))


def settled_plan(plan: Plan) -> Plan:
    """The plan with the figures that it repeats as exact arithmetic has them (solver.verify.settle), if it is
    well formed."""
    case = case_of(plan, "plan")
    return settled(case) if well_formed(case) else plan


def case_of(plan: Plan, file: str = "plan") -> Case:
    """The plan beside the question that travels with it."""
    inputs = plan.inputs
    return Case(
        plan,
        _workload(inputs.get("workload"), file),
        _table(inputs, "offers", file, lambda data, where: _checked(_OFFER, data, where)),
        _table(inputs, "systems", file, lambda data, where: _checked(_PLACE, data, where)),
        _table({"points": plan.points}, "points", file, point_from_dict),
        _table(inputs, "apis", file, api_from_dict),
    )


def _workload(data: Any, file: str) -> Workload:
    if not isinstance(data, Mapping):
        raise InputError.at(file, 0, "the plan holds no inputs.workload", "write plans with `solver solve`")
    return _checked(TypeAdapter(Workload), data, f"{file}: inputs.workload")


def _table(
    inputs: Mapping[str, Any], name: str, file: str, read: Callable[[Mapping[str, Any], str], T]
) -> dict[str, T]:
    table = inputs.get(name, {})
    if not isinstance(table, Mapping) or not all(isinstance(v, Mapping) for v in table.values()):
        raise InputError.at(file, 0, f"{name} of the plan are not a table of tables")
    return {str(key): read(value, f"{file}: {name}[{str(key)[:60]}]") for key, value in table.items()}


def _checked(kind: TypeAdapter[T], data: Any, where: str) -> T:
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        raise InputError(
            *(
                Complaint(Place(where), f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}")
                for e in error.errors(include_url=False, include_input=False)[:20]
            )
        ) from None
