"""The page of questions: what can be asked, how far a question is, and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from markupsafe import Markup

from solver.domain.told import number_of, told
from solver.errors import ExitCode
from solver.reports.units import usd
from solver.web.asking import Asked
from solver.web.other_pages import answer_block, answer_figure, sources_of
from solver.web.pages import render
from solver.web.sources import Sources
from solver.whatif.questions import QUESTIONS
from solver.whatif.session import Session

#: So many times as long is offered where the time was over; plans that are told of a question under way.
LONGER, MOST_LINES = 5, 8


@dataclass(frozen=True)
class Asks:
    """What the address asks: a question, about what, within how many seconds (None: no limit)."""

    name: str = ""
    argument: str = ""
    seconds: float | None = None

    def address(self, session: Session, **more: str) -> str:
        """The address of the question on the session's branch."""
        found = {"branch": session.branch, "q": self.name, "a": self.argument}
        if self.seconds is not None:
            found["s"] = f"{self.seconds:.0f}"
        return f"/ask?{urlencode(found | more)}"

    def longer(self, session: Session) -> tuple[str, str]:
        """The address with more time, and how much in words."""
        seconds = LONGER * (self.seconds or 1.0)
        return Asks(self.name, self.argument, seconds).address(session), f"{seconds / 60:.3g} minutes"


@dataclass(frozen=True)
class Progress:
    """How far a question is: time, the latest plans, where to look again, where to stop it."""

    time: Markup
    lines: tuple[Markup, ...]
    again: str
    stop: str


def ask_page(session: Session, asks: Asks | None = None, asked: Asked | None = None) -> str:
    """The questions, and one that was ``asked``: its answer, why it has none, or how far it is."""
    if asked is None:
        session.result()  # for what is proposed
    sources, ended = sources_of(session), asked is not None and asked.wait(0)
    asks = asks or Asks()
    found = asked.answer if asked is not None else None
    refusal = asked.refusal if asked is not None else None
    over = refusal is not None and refusal.exit_code is not ExitCode.BAD_INPUT
    unfinished = asks.seconds is not None and (over or (found is not None and not found.complete))
    return render(
        "ask.html.j2",
        session,
        questions=list(QUESTIONS.values()),
        proposals=proposals(session),
        asked=asks.name,
        argument=asks.argument,
        answer=found,
        sources=sources,
        figure=answer_figure(found, sources) if found else None,
        block=answer_block(found, sources) if found else None,
        progress=_progress(session, asks, asked, sources) if asked and not ended else None,
        longer=asks.longer(session) if unfinished else None,
        error=str(refusal or ""),
        state=session.state(),
    )


def _progress(session: Session, asks: Asks, asked: Asked, sources: Sources) -> Progress:
    again = asks.address(session, job=asked.number)
    spent, most = number_of(f"{asked.effort.spent:.0f} s", "seconds"), told()
    if asks.seconds is not None:
        most = told(" of at most ", number_of(f"{asks.seconds:.0f} s", "seconds"))
    words = "The plan under way is taken as far as it is: " if asked.effort.stopped else "Solving for "
    return Progress(
        time=sources.told(told(words, spent, most)),
        lines=tuple(sources.whole(line, "answers") for line in asked.effort.lines[-MOST_LINES:]),
        again=again,
        stop=f"/stop/{asked.number}{again.removeprefix('/ask')}",
    )


def proposals(session: Session) -> dict[str, str]:
    """What each question is asked about at first: systems and sums of the present plan where it is known."""
    found = {q.name: q.usage.partition(" ")[2] for q in QUESTIONS.values()}
    known = session.planner.known(session.loaded())
    plan = known.plan if known else None
    if plan is None:
        return found
    bought = [s.system for s in sorted(plan.systems, key=lambda s: -s.cost_usd) if plan.way(s) == "buy"]
    if bought:
        found["late"] = f"{bought[0]} 6"
    if plan.objective_usd:
        found["afford"] = usd(2 * plan.objective_usd)
    return found
