"""The exact check of a plan: stated on the plan from the domain, in rationals, without the program."""

from solver.verify.facts import Failure, OfferFacts, PlaceFacts, Verdict
from solver.verify.from_plan import verify_plan
from solver.verify.verify import CHECKS, verify

__all__ = ["CHECKS", "Failure", "OfferFacts", "PlaceFacts", "Verdict", "verify", "verify_plan"]
