"""What may be varied: names such as ``cerebras-cs3``, ``electricity`` or ``demand``, and their ranges."""

from __future__ import annotations

import re
from dataclasses import dataclass

from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import Complaint, InputError, Place

_DIGITS = r"(?:[0-9]{1,3}(?:[,_][0-9]{3})+|[0-9]+)?"
_NUMBER = re.compile(
    rf"(?:\$|USD)?\s*({_DIGITS}\.?(?:[0-9]+(?:[eE][-+]?[0-9]+)?)?)\s*(k|K|M|bn|B|%)?\s*(?:\$|USD)?"
)
_SCALE = {None: 1.0, "k": 1e3, "K": 1e3, "M": 1e6, "B": 1e9, "bn": 1e9, "%": 1e-2}
_EXAMPLE = "write NAME=LOW..HIGH such as cerebras-cs3=0.3M..3M"


@dataclass(frozen=True)
class Range:
    """A name with the interval over which it is varied; ``value`` is where it stands in the workload."""

    name: str
    low: float
    high: float


def parse_range(text: str, option: str = "--price") -> Range:
    """The range that ``name=low..high`` states: 0.3M..3M, $300k..$3M, 300,000..3,000,000, 5%..12%."""
    place = Place(f"{option} {text[:60]!r}")
    name, equals, ends = text.partition("=")
    parts = ends.split("..")
    if not equals or not name.strip() or len(parts) != 2:
        raise InputError(Complaint(place, "not a range", _EXAMPLE))
    example = _EXAMPLE
    if option == "--vary":
        example = f"write numbers without unit, such as {name}=0.5..2 ({change_unit(name.strip())})"
    low, high = (_number(part, place, example) for part in parts)
    if not 0 <= low < high or high > 1e12:
        raise InputError(Complaint(place, f"{ends.strip()[:60]} is no range", "write the lower end first"))
    return Range(name.strip(), low, high)


def _number(text: str, place: Place, example: str = _EXAMPLE) -> float:
    found = _NUMBER.fullmatch(text.strip())
    if not found or not any(c.isdigit() for c in found[1]):
        raise InputError(Complaint(place, f"{text.strip()[:30]!r} is not a number", example))
    return float(found[1].replace(",", "").replace("_", "")) * _SCALE[found[2]]


#: Names of changes that act on several statements at once: name -> unit.
CHANGES = {
    "demand": "times the stated demand",
    "electricity": "USD/kWh",
    "discount_rate": "share a year",
    "budget_capex": "USD",
    "budget_total": "USD",
    "ttft": "times every TTFT promise",
    "tpot": "times every TPOT promise",
}

#: Ends of keys of the workload file that name their unit.
SUFFIXES = {
    "usd_per_gb": "USD/GB",
    "_mb_mm2": "Mb/mm2",
    "_per_cm2": "1/cm2",
    "_pj_bit": "pJ/bit",
    "_cycles": "cycles",
    "_factor": "times today's",
    "wafer_usd": "USD a wafer",
    "layers": "layers",
    "_ms": "ms",
    "_usd_kwh": "USD/kWh",
    "_usd_hr": "USD/h",
    "_usd": "USD",
    "_kw": "kW",
    "_gb": "GB",
    "_tbs": "TB/s",
    "_s_per_user": "tokens/s",
    "_per_s": "1/s",
    "years": "years",
}


def changed(loaded: LoadedWorkload, name: str, value: float) -> LoadedWorkload:
    """The workload with a change from `CHANGES`, ``demand.SERVICE``, or any path of the file format."""
    workload = _change(loaded.workload, name, value)
    if workload is None:
        from solver.inputs.workload import apply_overrides

        return apply_overrides(loaded, [f"{name}={value!r}"])
    return loaded.model_copy(update={"workload": workload})


def change_unit(name: str) -> str:
    """Unit of a change."""
    end = next((unit for suffix, unit in SUFFIXES.items() if name.endswith(suffix)), "as in the file")
    return CHANGES.get(name.partition(".")[0] if name.startswith("demand.") else name, end)


def _change(workload: Workload, name: str, value: float) -> Workload | None:
    if name == "demand" or name.startswith("demand."):
        only = name.partition(".")[2]
        known = [s.name for s in workload.services]
        if only and only not in known:
            problem = f"no service is called {only!r}"
            raise InputError(Complaint(Place(f"--vary {name}"), problem, f"write one of {', '.join(known)}"))
        return scaled_demand(workload, {n: value for n in known if not only or n == only})
    if name == "electricity":
        sites = tuple(
            s.model_copy(update={"energy_usd_kwh": value, "tariff_usd_kwh": ()}) for s in workload.sites
        )
        return workload.model_copy(update={"sites": sites})
    field = {
        "discount_rate": "discount_rate",
        "budget_capex": "budget_capex_usd",
        "budget_total": "budget_total_usd",
    }
    if name in field:
        money = workload.money.model_copy(update={field[name]: value})
        return workload.model_copy(update={"money": money})
    if name in ("ttft", "tpot"):
        services = tuple(_promise(s, f"{name}_ms", value) for s in workload.services)
        return workload.model_copy(update={"services": services})
    return None


def _promise(service: object, field: str, factor: float) -> object:
    from solver.domain.workload import Service

    assert isinstance(service, Service)
    limit = getattr(service.levels, field)
    if limit is None:
        return service
    return service.model_copy(update={"levels": service.levels.model_copy(update={field: limit * factor})})


def scaled_demand(workload: Workload, factors: dict[str, float]) -> Workload:
    """The workload with the request rates of some services multiplied."""
    services = tuple(
        s.model_copy(update={"demand": s.demand.scaled(factors[s.name])}) if s.name in factors else s
        for s in workload.services
    )
    return workload.model_copy(update={"services": services})
