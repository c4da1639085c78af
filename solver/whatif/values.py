"""Present values of fields, and what factors make of them."""

from __future__ import annotations

import math
import re

from solver.domain.catalog import Catalog
from solver.domain.workload import Service, Workload
from solver.errors import InputError
from solver.whatif.fields import Field

_FACTOR = re.compile(r"[x×*]\s*([0-9]+(?:\.[0-9]+)?)", re.IGNORECASE)
_PERCENT = re.compile(r"([+-])\s*([0-9]+(?:\.[0-9]+)?)\s*%")


def factor_of(value: str) -> float | None:
    """The factor that ``x2``, ``+10 %`` or ``-20 %`` means; None for anything else."""
    times, percent = _FACTOR.fullmatch(value), _PERCENT.fullmatch(value)
    if times:
        return float(times[1])
    if percent:
        return round(1 + float(f"{percent[1]}{percent[2]}") / 100, 12)
    return None


def mean_rps(service: Service) -> float:
    """Mean requests per second of the first year."""
    rates = service.demand.rate_rps
    return math.fsum(rates) / len(rates)


_UNITS = {"ttft": " ms", "tpot": " ms", "end_to_end": " s"}


def multiplied(workload: Workload, field: Field, subject: str, factor: float, catalog: Catalog) -> str:
    """The present value of a field times a factor, as text with its unit."""
    if not field.relative:
        raise InputError.at(f"{field.shape}x{factor:g}", 0, "takes no factor", f"write {field.example}")
    value = now(workload, field, subject, catalog)
    if value is None:
        raise InputError.at(
            f"{field.name}.{subject}", 0, "has no value to multiply", f"write {field.example}"
        )
    return f"{value * factor!r}{_UNITS.get(field.name, '')}"


def now(workload: Workload, field: Field, subject: str, catalog: Catalog) -> float | None:
    """The value that a factor multiplies; None where there is none."""
    last = (field.target or field.path).rpartition(".")[2]
    if field.subject == "service":
        service = next(s for s in workload.services if s.name == subject)
        if field.name == "demand":
            return mean_rps(service)
        found: float | None = getattr(service.levels if ".levels." in field.path else service, last)
        return found
    if field.subject == "site":
        return float(getattr(next(s for s in workload.sites if s.name == subject), last))
    if field.subject == "offer":
        return next(o.price_usd for o in workload.offers if o.id == subject)
    if field.subject == "api":
        changed = workload.token_prices.get(subject)
        stated: float | None = getattr(changed, last) if changed else None
        listed = getattr(catalog.apis[subject], last) if subject in catalog.apis else None
        return stated if stated is not None else listed.value if listed else None
    if not field.subject:
        section, _, name = field.target.partition(".") if field.target else field.path.partition(".")
        value: float | None = getattr(getattr(workload, section), name)
        return value
    stated = workload.hardware.overrides.get(subject, {}).get(last)
    return catalog.systems[subject].get(last) if stated is None and subject in catalog.systems else stated
