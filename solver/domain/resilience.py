"""What the fleet survives: the loss of a site, and systems that fail and are repaired."""

from __future__ import annotations

from pydantic import Field

from solver.domain.quantity import Frozen


class Resilience(Frozen):
    """Promises beyond normal operation.

    After the loss of any one site the others carry ``site_loss_share`` of each hour's traffic (of every
    service that states no share of its own).
    """

    site_loss_share: float | None = Field(default=None, gt=0, le=1)
