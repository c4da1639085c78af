"""A service whose promises, technology or token prices change in a month: one until then, one from then on.

The demand goes on through both; systems stay and serve the one after the other.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from solver.domain.calendar import years_until
from solver.domain.workload import LoadedWorkload, Workload
from solver.errors import InputError, Place

_PART = re.compile(r"(?P<whole>.+) from (?P<month>\d{4}-\d{2})")


def whole_name(name: str) -> str:
    """The name of a service without the month from which it is a part of another."""
    found = _PART.fullmatch(name)
    return found["whole"] if found else name


def parts_of(name: str, workload: Workload) -> list[str]:
    """A service and the parts of it that come later, in the order of time; a part is itself alone."""
    names = [s.name for s in workload.services if s.name == name or whole_name(s.name) == name]
    return sorted(names, key=len) if len(names) < 2 else [name, *sorted(n for n in names if n != name)]


def part_from(loaded: LoadedWorkload, name: str, month: str) -> tuple[LoadedWorkload, str]:
    """The workload with the service split in a month, and the name of what comes then ("": it has ended)."""
    within(loaded, month)
    workload = loaded.workload
    index = [s.name for s in workload.services].index(name)
    service = workload.services[index]
    if service.ends and service.ends <= month:
        return loaded, ""
    if service.starts and service.starts >= month:
        return loaded, name
    later = f"{whole_name(name)} from {month}"
    first = service.model_copy(update={"ends": month})
    second = service.model_copy(update={"name": later, "starts": month})
    services = (*(first if n == index else s for n, s in enumerate(workload.services)), second)
    profiles = tuple(
        p.model_copy(update={"id": f"{p.id} from {month}", "service": later})
        for p in workload.profiles
        if p.service == name
    )
    changed = workload.model_copy(update={"services": services, "profiles": (*workload.profiles, *profiles)})
    prefix, count = f"services.{index}.", len(workload.services)
    copied = {
        f"services.{count}.{path.removeprefix(prefix)}": place
        for path, place in loaded.places.items()
        if path.startswith(prefix)
    }
    return rebuilt(loaded, changed.model_dump(), {**loaded.places, **copied}, f"{name} until {month}"), later


def within(loaded: LoadedWorkload, month: str) -> float:
    """Years from the start of the horizon to a month, which must lie within it."""
    horizon = loaded.workload.horizon
    years = years_until(month, horizon.start)
    if not 0 < years < horizon.years:
        raise InputError.at(
            f"from {month}",
            0,
            f"is not within the {horizon.years:g} years from {horizon.start}",
            "write a later month, or leave it out",
        )
    return years


def rebuilt(
    loaded: LoadedWorkload, data: dict[str, object], places: Mapping[str, Place], text: str
) -> LoadedWorkload:
    """A workload of changed data; ``text`` says what was changed."""
    digest = hashlib.sha256(f"{loaded.sha256}\n{text}".encode()).hexdigest()
    return LoadedWorkload(
        workload=Workload.model_validate(data), places=dict(places), file=loaded.file, sha256=digest
    )
