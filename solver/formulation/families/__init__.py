"""Constraint families; importing this package registers them all."""

from solver.formulation.families import (
    acquisition,
    hourly,
    money,
    places,
    residency,
    running,
    serving,
    supply,
    wear,
)

__all__ = ["acquisition", "hourly", "money", "places", "residency", "running", "serving", "supply", "wear"]
