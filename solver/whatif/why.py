"""Why a plan changed: what it would take to keep the old fleet under the new assumptions."""

from __future__ import annotations

from collections.abc import Callable

from solver.domain.quantity import Frozen
from solver.domain.told import Told, joined, number_of, told
from solver.domain.workload import LoadedWorkload
from solver.plan.plan import Plan
from solver.whatif.difference import SMALL_USD, Difference, difference, fleet_counts
from solver.whatif.planner import Result

#: Cost terms whose name is not a word of its own.
WORDS = {"api": "token API"}


class Reason(Frozen):
    """Why the fleet changed. ``kept_usd``: cost of the best use of the old fleet now; None if impossible."""

    kind: str  # same fleet | fewer | cheaper | scaled | impossible | new
    kept_usd: float | None
    extra_usd: float | None
    message: str
    terms: tuple[tuple[str, float], ...] = ()  # where keeping it would cost more, dollars


def keep_fleet(loaded: LoadedWorkload, old: Plan) -> LoadedWorkload | None:
    """The workload with no other systems than those of an old plan, got in no other ways, and no more of
    those bought. Tokens stay free, and so does the number of rented, leased and reserved systems."""
    kept = {line.system for line in old.systems}
    if not kept:
        return None
    workload = loaded.workload
    bought = {s: sum(x.count for x in old.systems if x.system == s and old.way(x) == "buy") for s in kept}
    policy = workload.hardware
    supply = {s: min(n, policy.supply.get(s, n)) for s, n in bought.items()}
    minimum = {s: min(n, supply[s]) for s, n in policy.minimum.items() if s in kept}
    hardware = policy.model_copy(
        update={"include": tuple(sorted(kept)), "exclude": (), "supply": supply, "minimum": minimum}
    )
    used = {{"own": "buy", "rent-hourly": "rent"}.get(w, w) for w in map(old.way, old.systems)} | {"api"}
    services = tuple(
        s.model_copy(update={"acquisitions": tuple(a for a in s.acquisitions if a in used) or s.acquisitions})
        for s in workload.services
    )
    changed = workload.model_copy(update={"hardware": hardware, "services": services})
    return loaded.model_copy(update={"workload": changed})


def why(
    before: Plan, after: Plan, loaded: LoadedWorkload, ask: Callable[[LoadedWorkload], Result]
) -> tuple[Difference, Reason]:
    """The difference of two plans and the reason for it; ``loaded`` is the workload of the second."""
    found = difference(before, after)
    if found.same_fleet:
        same = after.objective_usd
        return found, Reason(kind="same fleet", kept_usd=same, extra_usd=0.0, message="", terms=moved(found))
    if all(c.after <= c.before for c in found.fleet):
        return found, Reason(kind="fewer", kept_usd=None, extra_usd=None, message="", terms=moved(found))
    question = keep_fleet(loaded, before)
    if question is None:
        return found, Reason(
            kind="new", kept_usd=None, extra_usd=None, message="no systems were there before"
        )
    kept = ask(question)
    if kept.plan is None:
        return found, Reason(kind="impossible", kept_usd=None, extra_usd=None, message=kept.message)
    extra = kept.plan.objective_usd - after.objective_usd
    scaled = extra < SMALL_USD and fleet_counts(kept.plan) == fleet_counts(after)
    return found, Reason(
        kind="scaled" if scaled else "cheaper",
        kept_usd=kept.plan.objective_usd,
        extra_usd=extra,
        message="",
        terms=moved(found if scaled else difference(after, kept.plan)),
    )


def moved(found: Difference) -> tuple[tuple[str, float], ...]:
    """How much dearer each cost term is."""
    return tuple((c.term, c.after_usd - c.before_usd) for c in found.costs)


def why_words(reason: Reason) -> str:
    """Why the fleet changed, in a sentence."""
    return str(why_told(reason))


def why_told(reason: Reason) -> Told:
    """Why the fleet changed, in a sentence whose numbers lead to the comparison or the costs."""
    terms = [(term, usd) for term, usd in sorted(reason.terms, key=lambda x: -abs(x[1])) if abs(usd) >= 0.5]
    origin = "why" if reason.kind == "cheaper" else "costs"
    parts = [told(f"{WORDS.get(term, term)} ", number_of(signed(usd), origin)) for term, usd in terms[:4]]
    listed = joined(", ", parts)
    if reason.kind == "same fleet":
        stays = told("The fleet stays; the money moves by ", listed, ".")
        return stays if listed else told("Nothing the plan uses changed.")
    if reason.kind == "fewer" and all(usd < 0 for _, usd in terms):
        return told("Fewer systems are enough: ", listed, ".")
    if reason.kind == "fewer":
        return told("Some systems are no longer worth their money: ", listed, ".")
    if reason.kind == "scaled":
        words = "The same systems, got in the same ways, in another number; the money moves by "
        return told(words, listed, ".")
    if reason.kind == "impossible":
        return told("The old systems alone cannot keep all promises for this traffic.")
    if reason.kind == "new":
        return told("There were no systems before; the new ones are cheaper than what served the traffic.")
    if reason.extra_usd is not None and reason.extra_usd > 0.5:
        more = number_of(f"${reason.extra_usd:,.0f}", "why")
        return told("With the old systems alone it would cost ", more, " more (", listed, ").")
    return told("The old systems alone would cost the same.")


def signed(usd: float) -> str:
    """+$1,234 or -$1,234."""
    return f"{'-' if usd < 0 else '+'}${abs(usd):,.0f}"
