"""Check a plan against the question that travels with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from solver.domain.workload import Workload
from solver.errors import Complaint, InputError, Place
from solver.plan.json_place import line_of
from solver.plan.plan import Plan
from solver.plan.serialise import api_from_dict, load_plan, point_from_dict
from solver.verify.case import Case
from solver.verify.facts import OfferFacts, PlaceFacts, Verdict
from solver.verify.settle import settled
from solver.verify.verify import verify_case, well_formed

T = TypeVar("T")
_OFFER, _PLACE, _WORKLOAD = TypeAdapter(OfferFacts), TypeAdapter(PlaceFacts), TypeAdapter(Workload)


def verify_plan(plan: Plan, file: str = "plan", text: str = "") -> Verdict:
    """Verdict on a plan whose ``inputs`` hold the workload, offers, systems and API points as JSON values.

    InputError (naming ``file``, and the line in its ``text``) if these are missing or damaged.
    """
    return verify_case(case_of(plan, file, text))


def verify_file(path: Path) -> tuple[Plan, Verdict]:
    """A saved plan and the verdict on it; InputError with file and line if it is damaged or not a plan."""
    plan = load_plan(path)
    try:
        return plan, verify_plan(plan, str(path))
    except InputError:
        text = path.read_text(encoding="utf-8-sig")
    return plan, verify_plan(plan, str(path), text)


def settled_plan(plan: Plan) -> Plan:
    """The plan with the figures that it repeats as exact arithmetic has them (solver.verify.settle), if it is
    well formed."""
    case = case_of(plan, "plan")
    return settled(case) if well_formed(case) else plan


def case_of(plan: Plan, file: str = "plan", text: str = "") -> Case:
    """The plan beside the question that travels with it."""
    read = _Reader(file, text)
    return Case(
        read.workload(plan.inputs.get("workload")),
        read.table(plan.inputs, ("inputs", "offers"), lambda data: _checked(_OFFER, data)),
        read.table(plan.inputs, ("inputs", "systems"), lambda data: _checked(_PLACE, data)),
        read.table({"points": plan.points}, ("points",), point_from_dict),
        read.table(plan.inputs, ("inputs", "apis"), api_from_dict),
        plan,
    )


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of a plan; complaints say where in the file they stand."""

    file: str
    text: str

    def workload(self, data: Any) -> Workload:
        """The workload in the plan. Raises InputError where it is none."""
        path = ("inputs", "workload")
        if not isinstance(data, Mapping):
            raise self._error(path, "the plan holds no inputs.workload", "write plans with `solver solve`")
        return self._read(path, data, lambda values: _checked(_WORKLOAD, values))

    def table(
        self, inputs: Mapping[str, Any], path: tuple[str, ...], read: Callable[[Mapping[str, Any]], T]
    ) -> dict[str, T]:
        """A table of the plan's inputs by id. Raises InputError where it or an entry is none."""
        table = inputs.get(path[-1], {})
        if not isinstance(table, Mapping) or not all(isinstance(v, Mapping) for v in table.values()):
            raise self._error(path, f"{path[-1]} of the plan are not a table of tables")
        return {str(key): self._read((*path, str(key)), value, read) for key, value in table.items()}

    def _read(
        self, path: tuple[str, ...], data: Mapping[str, Any], read: Callable[[Mapping[str, Any]], T]
    ) -> T:
        try:
            return read(data)
        except InputError as error:
            made = []
            for complaint in error.complaints:
                inner = complaint.problem.partition(":")[0].split(".")
                place = self._place((*path, *(int(p) if p.isdecimal() else p for p in inner)))
                words = f"{'.'.join(path)[:100]}: {complaint.problem}"
                made.append(Complaint(place, words, complaint.remedy))
            raise InputError(*made) from None

    def _error(self, path: tuple[str, ...], problem: str, remedy: str = "") -> InputError:
        return InputError(Complaint(self._place(path), problem, remedy))

    def _place(self, path: tuple[int | str, ...]) -> Place:
        return Place(self.file, line_of(self.text, path) if self.text else 0)


def _checked(kind: TypeAdapter[T], data: Any) -> T:
    try:
        return kind.validate_python(data)
    except ValidationError as error:
        raise InputError(
            *(
                Complaint(Place(""), f"{'.'.join(map(str, e['loc']))}: {e['msg'].lower()}")
                for e in error.errors(include_url=False, include_input=False)[:20]
            )
        ) from None
