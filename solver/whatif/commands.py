"""The commands of a session, the same for the prompt, for scripts and for JSON: a line in, a response out."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from solver.errors import UsageError
from solver.whatif.cases import Answer, Case
from solver.whatif.difference import Difference, difference
from solver.whatif.effort import Effort
from solver.whatif.fields import FIELDS
from solver.whatif.planner import Result
from solver.whatif.questions import QUESTIONS, answer
from solver.whatif.session import Session, State
from solver.whatif.why import Reason, why


@dataclass(frozen=True)
class Response:
    """What a line led to. ``seconds`` and other clock times are left to the faces."""

    line: str
    kind: str  # change | state | compare | answer | table | note
    state: State | None = None
    result: Result | None = None
    before: Result | None = None
    difference: Difference | None = None
    reason: Reason | None = None
    answer: Answer | None = None
    message: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    names: tuple[str, str] = ("before", "after")
    nodes: tuple[int, int] | None = None  # of a change or comparison: from, to


def execute(session: Session, line: str, deep: bool = False) -> Response:
    """Carry out a command or a change; a change without runners-up and reasons (see `deepen`), or, where they
    are asked for anyway, with the runners-up at once."""
    said = line.strip()
    word, _, rest = said.partition(" ")
    command = COMMANDS.get(word.lower())
    if word.lower() in QUESTIONS:  # without the word "ask"
        command, rest = _ask, f"{word.lower()} {rest}"
    if command is None or "=" in word:
        return _change(session, said, deep)
    return replace(command(session, rest.strip()), line=said)


def case_of(session: Session, effort: Effort | None = None) -> Case:
    """The present state for one question, by default within the session's time for a plan."""
    effort = effort or Effort(session.planner.request.time_limit_s)
    return Case(session.loaded(), session.catalog, session.planner, effort)


def _change(session: Session, said: str, deep: bool) -> Response:
    node = session.change(said)
    return _moved(session, said, f"@{node.parent}", f"@{node.number}", deep)


def _moved(session: Session, said: str, before: str, after: str, deep: bool = False) -> Response:
    old, new = session.result(before), session.result(after, deep)
    found = difference(old.plan, new.plan) if old.plan and new.plan else None
    names = (session.state(before).title, session.state(after).title)
    nodes = (session.resolve(before), session.resolve(after))
    return Response(said, "change", session.state(after), new, old, found, names=names, nodes=nodes)


def deepen(session: Session, response: Response) -> Response:
    """A response about a change or comparison with what binds, the runners-up, and why the fleet changed."""
    if response.nodes is None or response.difference is None:
        return response
    before, number = response.nodes
    old, new = session.result(f"@{before}"), session.result(f"@{number}", True)
    if old.plan is None or new.plan is None:
        return response
    found, reason = why(old.plan, new.plan, session.loaded(f"@{number}"), session.planner.result)
    return replace(response, result=new, before=old, difference=found, reason=reason)


def _undo(session: Session, rest: str) -> Response:
    before = session.head
    session.undo()
    return _step(session, before)


def _redo(session: Session, rest: str) -> Response:
    before = session.head
    session.redo()
    return _step(session, before)


def _step(session: Session, before: int) -> Response:
    return _moved(session, "", f"@{before}", "")


def _branch(session: Session, rest: str) -> Response:
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise UsageError("write: branch NAME, or branch NAME base, or branch NAME @3")
    session.new_branch(words[0], words[1] if len(words) == 2 else "")
    state = session.state()
    return Response("", "note", state, message=f"on branch {session.branch}, at {state.title}")


def _switch(session: Session, rest: str) -> Response:
    session.switch(rest)
    state = session.state()
    return Response(
        "", "state", state, session.result(), message=f"on branch {session.branch}, at {state.title}"
    )


def _branches(session: Session, rest: str) -> Response:
    rows = [(n, session.state(n).title) for n in session.journal.heads]
    return _table("branches of the session", ("branch", "stands at"), rows)


def _history(session: Session, rest: str) -> Response:
    journal = session.journal
    rows = [("base", "", session.base.file, _names(session, 0), "; ".join(journal.notes.get(0, ())))]
    for number, node in journal.nodes.items():
        notes = "; ".join(journal.notes.get(number, ()))
        parent = f"@{node.parent}" if node.parent else "base"
        rows.append((f"@{number}", parent, node.change, _names(session, number), notes))
    return _table("states of the session", ("state", "follows", "change", "branch", "notes"), rows)


def _names(session: Session, number: int) -> str:
    names = [n for n, head in session.journal.heads.items() if head == number]
    return ", ".join(f"{n} (here)" if n == session.branch else n for n in names)


def _note(session: Session, rest: str) -> Response:
    session.note(rest)
    return Response("", "note", session.state(), message="noted")


def _compare(session: Session, rest: str) -> Response:
    words = rest.split()
    if not 1 <= len(words) <= 2:
        raise UsageError("write: compare base, or compare @2 @5, or compare main cheap")
    first, last = session.resolve(words[0]), session.resolve(words[1] if len(words) == 2 else "")
    response = _moved(session, "", f"@{first}", f"@{last}")
    return replace(response, kind="compare")


def _plan(session: Session, rest: str) -> Response:
    return Response("", "state", session.state(rest), session.result(rest, True))


def _why(session: Session, rest: str) -> Response:
    number = session.head
    if not number:
        return _plan(session, "")
    return deepen(session, _moved(session, "", f"@{session.journal.nodes[number].parent}", f"@{number}"))


def _fields(session: Session, rest: str) -> Response:
    rows = [
        (f.shape, f.meaning, f.example)
        for f in FIELDS.values()
        if not rest or rest.lower() in f"{f.name} {f.meaning}".lower()
    ]
    return _table(
        "what can be changed; besides, any path of a workload file such as services.0.demand.cv2=2",
        ("field", "meaning", "example"),
        rows,
    )


def _ask(session: Session, rest: str) -> Response:
    try:
        words = shlex.split(rest)
    except ValueError:
        raise UsageError("a quote is not closed") from None
    if not words:
        rows = [(f"ask {q.usage}", q.words) for q in QUESTIONS.values()]
        return _table("questions", ("write", "to ask"), rows)
    return Response("", "answer", session.state(), answer=answer(case_of(session), words[0], words[1:]))


def _help(session: Session, rest: str) -> Response:
    return _table(
        "A line is a change (price.cerebras-cs3=1.0M, demand.chat=x2, TPOT 10 ms) or a command.",
        ("command", "what it does"),
        [
            ("fields [WORD]", "what can be changed, with examples"),
            ("undo, redo", "back one change, and forth again"),
            ("branch NAME [STATE]", "go on from here, or from a state, under a name of its own"),
            ("switch NAME, branches", "go to a branch; list them"),
            ("history", "all states, with notes"),
            ("note TEXT", "write a note on the present state"),
            ("compare A [B]", "two states side by side: base, before, @3, a branch"),
            ("plan [STATE]", "the whole plan"),
            ("why", "what binds, the runners-up, and why the last change changed the fleet"),
            ("ask", "the questions that there are"),
            ("afford 12M, next 10 %, flip, ...", "a question"),
            ("report FILE, xlsx FILE", "the HTML report of the present plan; the workbook"),
            ("export FILE", "the session as one file that reopens elsewhere"),
            ("replay", "solve every state afresh and compare byte for byte"),
            ("quit", "leave; everything is kept"),
        ],
    )


def _replay(session: Session, rest: str) -> Response:
    from solver.whatif.exchange import replay

    found = replay(session)
    if found.different:
        raise UsageError(
            f"{len(found.different)} plans came out differently: "
            + ", ".join(f"@{n}" for n in found.different[:10])
        )
    message = f"{found.states} states: {found.same} plans came out the same, byte for byte"
    return Response("", "note", message=message + (f"; {found.new} had none yet" if found.new else ""))


def _table(title: str, columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> Response:
    return Response("", "table", message=title, columns=columns, rows=tuple(rows))


COMMANDS: dict[str, Callable[[Session, str], Response]] = {
    "undo": _undo,
    "redo": _redo,
    "branch": _branch,
    "switch": _switch,
    "branches": _branches,
    "history": _history,
    "note": _note,
    "compare": _compare,
    "plan": _plan,
    "why": _why,
    "fields": _fields,
    "ask": _ask,
    "help": _help,
    "replay": _replay,
}
