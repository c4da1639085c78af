"""What the fleet survives: the loss of a site, and systems that fail and are repaired."""

from __future__ import annotations

from pydantic import Field

from solver.domain.quantity import Frozen

#: Of systems of which neither workload nor catalog tells it. MTBF: 419 unexpected interruptions (78 % of
#: them hardware) in 54 days on 2,048 servers of 8 GPUs, 8,100 h a server (Llama 3 report, arXiv 2407.21783,
#: 2024-07; derived). Repair: assumed, two days.
MTBF_HOURS, REPAIR_HOURS = 8100.0, 48.0


class Resilience(Frozen):
    """Promises beyond normal operation.

    After the loss of any one site the others carry ``site_loss_share`` of each hour's traffic (of every
    service that states no share of its own). The systems that pools need are up ``availability`` of the
    time: a system is up MTBF / (MTBF + repair time) of it, by the hours here, else by its catalog entry.

    ``hourly_pools``: pools rented by the hour count too. They have their own spare replicas, their systems
    fail like others, and they carry what a lost site served. Otherwise the provider is taken to replace them
    at once, and they carry nothing then.
    """

    site_loss_share: float | None = Field(default=None, gt=0, le=1)
    availability: float | None = Field(default=None, gt=0, le=0.999999999)
    mtbf_hours: float | None = Field(default=None, gt=0)
    repair_hours: float | None = Field(default=None, gt=0)
    hourly_pools: bool = False

    def mtbf_of(self, hours: float | None) -> float:
        """Mean hours between failures of a system for which the plan or a catalog says ``hours``."""
        return hours or self.mtbf_hours or MTBF_HOURS

    def repair_of(self, hours: float | None) -> float:
        """Mean hours to repair a system for which the plan or a catalog says ``hours``."""
        return hours or self.repair_hours or REPAIR_HOURS
