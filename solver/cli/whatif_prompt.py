"""The prompt of a what-if session: history, completion over every field, answers after each change."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from solver.cli.whatif_files import write_file_of
from solver.cli.whatif_text import print_reasons, print_response, say
from solver.errors import SolverError
from solver.whatif.commands import COMMANDS, deepen, execute
from solver.whatif.fields import FIELDS
from solver.whatif.names import subjects
from solver.whatif.paths import paths
from solver.whatif.questions import QUESTIONS
from solver.whatif.session import Session

MOST_PATHS = 40
LEAVE = ("quit", "exit", "q")
FILES = ("report", "xlsx", "export")


def run_prompt(session: Session, console: Console, read: Callable[[str], str] | None = None) -> None:
    """Read lines until the end; every known ending of a line is told and the session goes on."""
    ask = read or reader(session)
    say(console, f"{session.base.workload.name}: what if? A change, or help, fields, ask, quit.")
    while True:
        try:
            line = ask(f"{session.branch}> ").strip()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue
        if line in LEAVE:
            return
        if line:
            run_line(session, line, console)


def run_line(session: Session, line: str, console: Console) -> None:
    """One line at the prompt."""
    started = time.perf_counter()
    try:
        word, _, rest = line.partition(" ")
        if word in FILES:
            say(console, f"written to {write_file_of(session, word, rest.strip())}")
            return
        response = execute(session, line)
        print_response(response, console)
        told = response.reason is not None or response.difference is None
        if response.kind in ("change", "compare") and not told:
            say(console, f"({time.perf_counter() - started:.1f} s; what binds and why follows)", "dim")
            deeper = deepen(session, response)
            if deeper.reason is not None:
                print_reasons(deeper, console)
    except SolverError as error:
        say(console, str(error), "bold")
    except KeyboardInterrupt:
        say(console, "stopped; the change is kept")


def completions(session: Session, text: str) -> list[str]:
    """What may follow ``text``: commands, fields, their subjects, questions."""
    workload = session.loaded().workload
    word, space, rest = text.partition(" ")
    if space:
        if word == "ask":
            return [f"ask {name}" for name in QUESTIONS if name.startswith(rest)]
        if word in ("compare", "switch", "plan", "branch"):
            names = ["base", "before", *session.journal.heads, *(f"@{n}" for n in session.journal.nodes)]
            last = rest.rpartition(" ")[2]
            return [f"{text[: len(text) - len(last)]}{n}" for n in names if n.startswith(last)]
        return []
    for name, entry in FIELDS.items():
        if entry.subject and text.startswith(f"{name}."):
            known = subjects(entry.subject, workload, session.catalog)
            return [f"{name}.{s}=" for s in sorted(known) if f"{name}.{s}".startswith(text)]
    fields = [f"{n}." if e.subject else f"{n}=" for n, e in FIELDS.items()]
    words = [w for w in (*fields, *COMMANDS, *FILES, "quit") if w.startswith(text)]
    found = [p for p in paths(workload, session.catalog) if p.startswith(text)] if text else []
    if len(found) > MOST_PATHS:  # up to the next dot
        found = list(dict.fromkeys(p[: p.find(".", len(text)) + 1] or p for p in found))
    return [*words, *found]


def reader(session: Session) -> Callable[[str], str]:
    """prompt_toolkit where it is installed, else readline, else plain input."""
    history = Path.home() / ".fleet_solver_history"
    try:
        return _toolkit(session, history)
    except (ImportError, OSError):
        return _readline(session, history)


def _toolkit(session: Session, history: Path) -> Callable[[str], str]:
    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import CompleteEvent, Completer, Completion
    from prompt_toolkit.document import Document
    from prompt_toolkit.history import FileHistory

    history.touch()

    class Words(Completer):
        """Completion by the words that may follow."""

        def get_completions(self, document: Document, complete_event: CompleteEvent) -> Iterator[Completion]:
            """What may stand in place of the text before the cursor."""
            text = document.text_before_cursor
            for found in completions(session, text):
                yield Completion(found, start_position=-len(text))

    prompt: PromptSession[str] = PromptSession(
        history=FileHistory(str(history)), completer=Words(), complete_while_typing=False
    )
    return lambda mark: prompt.prompt(mark)


def _readline(session: Session, history: Path) -> Callable[[str], str]:
    try:
        import readline
    except ImportError:
        return input
    readline.set_completer_delims("")
    readline.parse_and_bind("tab: complete")
    readline.set_completer(lambda text, n: (completions(session, text) + [None] * (n + 1))[n])
    with contextlib.suppress(OSError):
        readline.read_history_file(history)

    def read(mark: str) -> str:
        """A line, kept in the history. Raises EOFError at the end."""
        line = input(mark)
        with contextlib.suppress(OSError):
            readline.append_history_file(1, str(history))
        return line

    return read
