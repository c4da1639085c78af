"""Constraint families; importing this package registers them all."""

from solver.formulation.families import (
    acquisition,
    availability,
    demand,
    energy,
    hourly,
    money,
    opening,
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
    "demand",
    "availability",
    "energy",
    "hourly",
    "money",
    "opening",
    "places",
    "residency",
    "running",
    "serving",
    "site_loss",
    "supply",
    "wear",
]
