"""Questions of a budget meeting, each answered by solving and never by extrapolating.

Every figure is the cost of a verified plan. What is searched (a volume, a break-even) is told as the bracket
between the last plan on one side and the first on the other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from solver.errors import UsageError
from solver.whatif.afford_question import afford
from solver.whatif.cases import Answer, Case
from solver.whatif.effort import Over
from solver.whatif.flip_question import flip
from solver.whatif.risk_questions import late, regret, wait
from solver.whatif.volume_questions import next_traffic, speed
from solver.whatif.ways_question import ways


@dataclass(frozen=True)
class Question:
    """A named question: how it is asked and who answers it."""

    name: str
    words: str
    usage: str
    answer: Callable[..., Answer]
    least: int  # arguments
    most: int


#: Plans that are told where a question ends without an answer.
MOST_LINES = 6

QUESTIONS = {
    q.name: q
    for q in (
        Question("afford", "What can we serve for $X?", "afford 12M", afford, 1, 1),
        Question("next", "What does the next 10 % of traffic cost?", "next 10 %", next_traffic, 0, 1),
        Question("flip", "Which single assumption flips the decision?", "flip", flip, 0, 1),
        Question("late", "What if the vendor delivers six months late?", "late dgx-b200 6", late, 1, 2),
        Question("wait", "Buy now, or wait for the next generation?", "wait dgx-b300 12", wait, 1, 2),
        Question("regret", "What do we regret if demand is half?", "regret 0.5", regret, 0, 1),
        Question("ways", "Rent, buy or API, and at which volume does it flip?", "ways", ways, 0, 1),
        Question("speed", "What does speed cost?", "speed 4", speed, 0, 1),
    )
}


def answer(case: Case, name: str, arguments: Sequence[str]) -> Answer:
    """The answer to a named question, with what is not proven of it.

    Raises UsageError or InputError where it is asked in another way; Over where the time of ``case`` was
    over, or it was stopped, before anything could be said.
    """
    question = QUESTIONS.get(name)
    if question is None:
        raise UsageError(f"no question is called '{name[:40]}'; write one of {', '.join(QUESTIONS)}")
    given = [a for a in arguments if a.strip()]
    if question.most == 1 and given:
        given = [" ".join(given)]  # 10 %, 12 M$
    if not question.least <= len(given) <= question.most:
        about = question.usage.partition(" ")[2]
        raise UsageError(f"'{name}' is asked about something such as {about}")
    try:
        found = question.answer(case, *given)
    except Over as over:
        told = "; ".join(case.effort.lines[-MOST_LINES:]) or "nothing"
        raise Over(f"{over}; found until then: {told}", case.effort.stopped) from None
    except ValueError:
        raise UsageError(f"'{' '.join(given)[:60]}' is not understood; write ask {question.usage}") from None
    open_ends = case.effort.notes()
    complete = found.complete and not case.effort.open
    return found.model_copy(update={"notes": (*found.notes, *open_ends), "complete": complete})
