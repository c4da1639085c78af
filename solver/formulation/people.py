"""Cost terms of running the fleet: staff, and moving models from system to system."""

from __future__ import annotations

from solver.formulation.costs import on_site
from solver.formulation.model import Program
from solver.formulation.payments import Payment, over_epochs, pay
from solver.formulation.problem import Problem
from solver.formulation.registry import cost_term

#: Rack units of a rack.
RACK_UNITS = 42


@cost_term("staff", "salary years (sum (per_system + per_rack U_s/42) installed[s,i,e] + per_site open[i,e])")
def staff(problem: Problem, program: Program) -> None:
    """People at the user's sites, each year (discounted monthly):
    salary x (sum_s (per_system + per_rack U_s / 42) installed[s,i,e] + per_site open[i,e]).

    open[i,e] is 1 where any system stands (family ``staffed``).
    """
    people = problem.workload.money.staff
    if people is None:
        return

    def usd_per_year(system: str, _i: int) -> float:
        racks = problem.systems[system].rack_units / RACK_UNITS
        return people.usd_per_year * (people.per_system + people.per_rack * racks)

    on_site(problem, program, "staff", usd_per_year)
    for (_, _i, e), column in program.family("open"):
        fixed = people.usd_per_year * people.per_site
        pay(problem, program, "staff", column, over_epochs(problem, [e], fixed))


@cost_term("migration", "sum migration price v^e moved[m,s,i,e]")
def migration(problem: Problem, program: Program) -> None:
    """A model leaves systems for others: price x v^e x moved[m,s,i,e], paid at the epoch's start."""
    price = problem.workload.money.migration_usd_per_system
    for (_, _m, _s, _i, e), column in program.family("moved"):
        start = problem.epochs[e].start_years
        pay(problem, program, "migration", column, [Payment(start, start, price)])
