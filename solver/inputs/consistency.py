"""What no single field of a workload can tell: empty lists, names used twice, wanted and excluded."""

from __future__ import annotations

from solver.domain.workload import Workload
from solver.inputs.draft import Draft
from solver.inputs.validation import shorten


def check_consistency(draft: Draft, workload: Workload) -> None:
    """Complain about statements that are fine alone and wrong together."""
    for key, items in (("services", workload.services), ("sites", workload.sites)):
        if not items:
            draft.complain(key, f"the list of {key} is empty", "write at least one")
        names = [item.name for item in items]
        for index, name in enumerate(names):
            if name in names[:index]:
                path = f"{key}.{index}.name"
                draft.complain(path, f"the name '{shorten(name)}' is used twice", "rename one of the two")
    for index, service in enumerate(workload.services):
        _check_service(draft, f"services.{index}", service.precisions, service.acquisitions)
    hardware = workload.hardware
    for index, system in enumerate(hardware.exclude):
        if system in hardware.include or system in hardware.minimum:
            path = f"hardware.exclude.{index}"
            draft.complain(path, f"'{shorten(system)}' is both wanted and excluded", "keep one of the two")
    for key, counts in (("supply", hardware.supply), ("minimum", hardware.minimum)):
        for system, count in counts.items():
            if count < 0:
                draft.complain(f"hardware.{key}.{system}", f"{count} systems", "write 0 or more")


def _check_service(draft: Draft, path: str, *lists: tuple[str, ...]) -> None:
    for name, items in zip(("precisions", "acquisitions"), lists, strict=True):
        if not items or len(set(items)) < len(items):
            problem = f"{name} is empty" if not items else f"{name} names the same thing twice"
            draft.complain(f"{path}.{name}", problem, "write each choice once")
