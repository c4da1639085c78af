"""Names of prices: what ``--price NAME=LOW..HIGH`` moves, and the workload in which it can be moved."""

from __future__ import annotations

import difflib
from dataclasses import replace

from solver.domain.catalog import Catalog
from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import Complaint, InputError, Place
from solver.formulation.problem import Problem
from solver.formulation.system_offer import SystemOffer


def price_kinds(problem: Problem) -> dict[str, str]:
    """Everything whose price can be varied: name -> unit."""
    names = {o.system: "USD" for o in problem.offers if _bought(o)}
    names |= {o.id: "USD" if o.kind == "buy" else "USD/h" for o in problem.offers if o.supply_total is None}
    names |= {api.api: "times today's price" for api in problem.apis}
    if problem.apis:
        names["api"] = "times today's price"
    return names | {"electricity": "USD/kWh"}


def _bought(offer: SystemOffer) -> bool:
    """Whether an offer asks a purchase price (owned systems do not)."""
    return offer.kind == "buy" and offer.supply_total is None


def offers_named(problem: Problem, name: str) -> tuple[str, ...]:
    """Ids of the offers whose price a name moves.

    The id of an offer moves that offer alone. A system moves its list price, the offer SYSTEM/buy; leases,
    rents, spot and offers with a price of their own (larger lots, other suppliers) keep theirs. Where there
    is no list price, the system's only other purchase offer moves.
    """
    if any(o.id == name for o in problem.offers):
        return (name,)
    own = [o.id for o in problem.offers if o.system == name and _bought(o)]
    if f"{name}/buy" in own:
        return (f"{name}/buy",)
    if len(own) > 1:
        raise _complaint(name, f"{name} is sold by several offers", f"write one of {', '.join(sorted(own))}")
    return tuple(own)


def on_menu(problem: Problem, system: str) -> bool:
    """Whether a system can serve the workload and can be bought or rented."""
    return any(o.system == system for o in problem.offers)


def price_now(problem: Problem, name: str) -> float:
    """The present value of a price (the largest, where several sites share the name)."""
    if name == "electricity":
        return max(site.mean_energy_usd_kwh for site in problem.sites)
    if name == "api" or any(api.api == name for api in problem.apis):
        return 1.0
    ids = offers_named(problem, name)
    if not ids:
        others = sorted(o.id for o in problem.offers if o.system == name and o.supply_total is None)
        if others:
            raise _complaint(
                name, f"{name} is not sold to this workload", f"write one of {', '.join(others)}"
            )
        raise unknown(name, sorted(price_kinds(problem)))
    return max(o.price_usd for o in problem.offers if o.id in ids)


def with_price(problem: Problem, name: str, value: float) -> Problem:
    """The problem with one price replaced."""
    if name == "electricity":
        sites = tuple(
            s.model_copy(update={"energy_usd_kwh": value, "tariff_usd_kwh": ()}) for s in problem.sites
        )
        return replace(problem, workload=problem.workload.model_copy(update={"sites": sites}))
    apis = tuple(
        replace(a, usd_per_request=tuple(u * value for u in a.usd_per_request))
        if name in ("api", a.api)
        else a
        for a in problem.apis
    )
    ids = offers_named(problem, name)
    offers = tuple(replace(o, price_usd=value) if o.id in ids else o for o in problem.offers)
    return replace(problem, apis=apis, offers=offers)


def unknown(name: str, names: list[str]) -> InputError:
    """The complaint about a name that nothing has, with the nearest ones."""
    close = difflib.get_close_matches(name, names, 3)
    remedy = f"did you mean {' or '.join(close)}?" if close else f"write one of {', '.join(names)}"
    return _complaint(name, "nothing that can serve this workload has a price of that name", remedy)


def _complaint(name: str, problem: str, remedy: str) -> InputError:
    return InputError(Complaint(Place(f"--price {name[:60]}"), problem, remedy))


def sold(loaded: LoadedWorkload, catalog: Catalog, name: str, price_usd: float) -> LoadedWorkload:
    """The workload in which a system whose price is varied is sold, even if nobody quotes it today.

    Raises InputError where the workload itself leaves the system out.
    """
    workload = loaded.workload
    if name not in catalog.systems:
        return loaded
    _need_on_the_menu(workload, catalog, name)
    listed = f"{name}/buy" in catalog.offers or any(o.system == name for o in workload.offers)
    stated = dict(workload.hardware.overrides.get(name, {}))
    if listed or "price_usd" in stated:
        return loaded
    overrides = {**workload.hardware.overrides, name: {**stated, "price_usd": price_usd}}
    hardware = workload.hardware.model_copy(update={"overrides": overrides})
    return loaded.model_copy(update={"workload": workload.model_copy(update={"hardware": hardware})})


def _need_on_the_menu(workload: Workload, catalog: Catalog, name: str) -> None:
    """Complain where a policy of the workload keeps a system out whatever its price."""
    policy, system = workload.hardware, catalog.systems[name]
    named = name in policy.include
    if name in policy.exclude:
        raise _complaint(name, "the workload excludes this system", "take it out of hardware.exclude")
    if policy.include and not named:
        raise _complaint(name, "the workload leaves this system out", "add it to hardware.include")
    if name.startswith("hyp-") and not (policy.hypothetical or named):
        remedy = "write --set hardware.hypothetical=true, or name it in hardware.include"
        raise _complaint(name, "hypothetical systems are left out", remedy)
    if system.needs_host and not named:
        raise _complaint(name, "a card priced without its server is left out", "name it in hardware.include")
    if not any("buy" in service.acquisitions for service in workload.services):
        raise _complaint(name, "no service may buy systems", "add buy to its acquisitions")
