"""Three ways to wear non-volatile memory: weight images, refresh against read disturb, KV writes.

    (a) years_updates = E / (updates per day x 365.25)
    (b) KV bytes over the life = E x capacity x levelling
    (c) reads of a weight cell over the life = E N_read: a cell is rewritten every N_read reads

(b) and (c) are budgets of the program. Where tokens pass the layers one at a time, the reads of a request
are its output tokens and one for its prompt (whose tokens share a reading). In nodes a step reads the
weights for a whole batch; there reads count as if it stepped all the time:
1 / years = 1 / years_updates + 1 / years_refresh.
Source: facts on non-volatile memory, section "Endurance lifetimes". Levelling is taken as perfect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from solver.domain.catalog import System, Technology
from solver.operating_points.point import Wear

if TYPE_CHECKING:
    from solver.operating_points.setting import Setting
    from solver.performance.steps import StepTable

DAYS_PER_YEAR = 365.25
SECONDS_PER_YEAR = 31_557_600.0


def update_years(endurance_cycles: float, updates_per_day: float) -> float:
    """Years until the weight memory wears out from writing images (inf if it is never rewritten)."""
    return endurance_cycles / (updates_per_day * DAYS_PER_YEAR) if updates_per_day > 0 else float("inf")


def refresh_years(endurance_cycles: float, reads_before_refresh: float, reads_per_s: float) -> float:
    """Years until refresh against read disturb wears the memory out."""
    return endurance_cycles * reads_before_refresh / (reads_per_s * SECONDS_PER_YEAR)


def weight_years(technology: Technology, updates_per_day: float, reads_per_s: float) -> float:
    """Life of the weight memory from updates and (at a steady rate of reads) refresh together, years."""
    cycles = technology.values.get("write_endurance_cycles")
    if cycles is None:
        return float("inf")
    rate = 0.0
    if updates_per_day > 0:
        rate += 1.0 / update_years(cycles.value, updates_per_day) if cycles.value > 0 else float("inf")
    limit = technology.values.get("read_limit_reads")
    if limit is not None and cycles.value > 0 and reads_per_s > 0:
        rate += 1.0 / refresh_years(cycles.value, limit.value, reads_per_s)
    return 1.0 / rate if rate > 0 else float("inf")


def wear_of(setting: Setting, system: System, table: StepTable, n: int) -> tuple[Wear | None, str]:
    """The wear of a replica, and why it is impossible (empty if it is not)."""
    technology = setting.technologies.get(system.weight_technology)
    updates, replace = setting.service.model_updates_per_day, setting.policy.replace_worn
    if system.kind == "rom-weight":
        if updates > 0 and not replace:
            return None, (
                "mask ROM cannot be rewritten: a model update means new chips (hardware.replace_worn: true)"
            )
        return Wear(float("inf"), 0.0, system.weight_technology, models_per_year=updates * DAYS_PER_YEAR), ""
    if technology is None:
        return None, ""
    flows = bool(table.pipelined[n])
    steps_per_s = 0.0 if flows else 1.0 / max(float(table.fixed_s[n]) + float(table.sequence_s[n]), 1e-9)
    years = weight_years(technology, updates, steps_per_s)
    horizon = setting.horizon.years
    if years < horizon and not (replace and years > 0):
        return None, (
            f"its weight memory ({technology.name}) wears out after {years:.3g} of {horizon:g} years "
            f"at {updates:g} model updates a day"
        )
    budget = 0.0
    cycles, limit = (technology.values.get(name) for name in ("write_endurance_cycles", "read_limit_reads"))
    if setting.policy.kv_in_weight_memory and cycles is not None:
        budget = cycles.value * float(table.kv_capacity_bytes[n])
    reads = cycles.value * limit.value if flows and cycles is not None and limit is not None else 0.0
    per_request = tuple(b.output_tokens + (b.prompt_tokens > 0) for b in setting.service.lengths)
    return Wear(years, budget, technology.id, reads, per_request if reads > 0 else ()), ""
