"""Constraint families; importing this package registers them all."""

from solver.formulation.families import (
    acquisition,
    energy,
    hourly,
    money,
    places,
    residency,
    running,
    serving,
    site_loss,
    supply,
    wear,
)

__all__ = [
    "acquisition",
    "energy",
    "hourly",
    "money",
    "places",
    "residency",
    "running",
    "serving",
    "site_loss",
    "supply",
    "wear",
]
