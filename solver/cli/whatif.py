"""``solver whatif`` and ``solver ask``: change assumptions and see at once what they do to the money."""

from __future__ import annotations

import importlib
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solver.cli.options import tell_progress
from solver.errors import ExitCode, SolverError, UsageError

if TYPE_CHECKING:
    from solver.whatif.session import Session

Source = Annotated[
    str, typer.Argument(metavar="WORKLOAD", help="A workload file or name, a session, or an exported one.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
Kept = Annotated[
    Path | None,
    typer.Option("--session", help="File that keeps the session (default at the prompt: NAME.whatif)."),
]
Seconds = Annotated[
    float | None, typer.Option(min=0.0, help="Seconds after which what was found is the answer.")
]
Changes = Annotated[
    list[str] | None, typer.Option("--set", help="Make a change and answer, such as demand.chat=x2.")
]
Script = Annotated[
    Path | None,
    typer.Option("--script", help="File with one change or command per line (- is stdin); prints JSON."),
]
Workbook = Annotated[
    Path | None, typer.Option("--xlsx", help="Write a workbook whose formulas follow changed prices.")
]
Export = Annotated[
    Path | None, typer.Option("--export", help="Write the session as one file that reopens elsewhere.")
]


def whatif(
    workload: Source,
    changes: Changes = None,
    script: Script = None,
    as_json: AsJson = False,
    session_file: Kept = None,
    branch: Annotated[str, typer.Option(help="The branch to work on.")] = "main",
    time_limit: Annotated[
        float | None, typer.Option(min=0.0, help="Seconds for each plan, and for each question.")
    ] = 120.0,
    quick: Annotated[bool, typer.Option("--quick", help="Leave out what binds and why.")] = False,
    xlsx: Workbook = None,
    export: Export = None,
    web: Annotated[bool, typer.Option("--web", help="Serve a page for the browser.")] = False,
    host: Annotated[str, typer.Option(help="Address of the page.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the page (0: any).")] = 8722,
) -> None:
    """Change assumptions and see what it does to fleet and money: at a prompt, by options, or as a page."""
    lines = [*(changes or []), *_script(script)]
    as_json = as_json or script is not None
    interactive = not (lines or as_json or xlsx or export)
    told: dict[str, Any] = {}
    try:
        session = open_session(workload, session_file, branch, keep=interactive)
        session.planner.request = replace(session.planner.request, time_limit_s=time_limit)
        if web:
            serve = importlib.import_module("solver.web.serve").serve
            for line in lines:
                session.change(line)
            serve(session, host, port)
            return
        if interactive:
            _prompt(session)
            return
        code = _run(session, lines, as_json, quick, told)
        from solver.cli.whatif_files import write_file_of

        for kind, path in (("xlsx", xlsx), ("export", export)):
            if path is not None:
                typer.echo(f"written to {write_file_of(session, kind, str(path))}", err=True)
    except SolverError as error:
        if as_json:
            failure = {"outcome": "failed", "message": str(error), "verified": False}
            typer.echo(json.dumps({**told, **failure}))
        raise
    raise typer.Exit(int(code))


def ask(
    question: Annotated[str, typer.Argument(help="afford, next, flip, late, wait, regret, ways or speed.")],
    workload: Source,
    arguments: Annotated[list[str] | None, typer.Argument(help="12M, 10 %, dgx-b200 6, 0.5 ...")] = None,
    changes: Changes = None,
    time_limit: Seconds = 120.0,
    as_json: AsJson = False,
    session_file: Kept = None,
) -> None:
    """Answer a question of a budget meeting, such as `ask afford WORKLOAD 12M`.

    Ctrl-C shows what has been found.
    """
    from rich.console import Console

    from solver.cli.whatif_text import print_answer
    from solver.whatif.commands import case_of
    from solver.whatif.effort import Effort
    from solver.whatif.questions import answer

    session = open_session(workload, session_file, "main", keep=False)
    for line in changes or []:
        session.change(line)
    effort = Effort(time_limit, tell_progress)
    found = answer(case_of(session, effort), question, arguments or [])
    if as_json:
        typer.echo(json.dumps(found.model_dump(mode="json"), indent=1))
    else:
        print_answer(found, Console())
    if not found.complete:
        raise typer.Exit(int(ExitCode.INTERRUPTED if effort.stopped else ExitCode.LIMIT_WITH_PLAN))


def open_session(source: str, kept: Path | None, branch: str, keep: bool) -> Session:
    """The session of a workload, of a session file, or of an exported session.

    ``keep``: without a file named, one called after the workload keeps it.
    """
    from solver.inputs.workload import load_workload
    from solver.paths import find_workload
    from solver.whatif.exchange import imported, is_export
    from solver.whatif.session import Session
    from solver.whatif.store import Store, is_store

    path = Path(source)
    if is_store(path):
        if kept is not None and kept != path:
            raise UsageError(f"{path} is a session already; leave --session out")
        return Session(Store(path), branch=branch)
    if is_export(path):
        return Session(imported(path, kept), branch=branch)
    loaded = load_workload(find_workload(source))
    name = re.sub(r"[^\w.-]+", "-", loaded.workload.name).strip(".-") or "session"
    file = kept or (Path(f"{name}.whatif") if keep else None)
    session = Session.begin(file, loaded)
    session.switch(branch)
    return session


def _script(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error})") from None
    return [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def _run(session: Session, lines: list[str], as_json: bool, quick: bool, told: dict[str, Any]) -> ExitCode:
    """Carry out lines in order; the exit code is that of the last state.

    ``told``: what JSON says, with each answer as soon as there is one, also where a later line fails.
    """
    from rich.console import Console

    from solver.cli.whatif_files import write_file_of
    from solver.cli.whatif_prompt import FILES
    from solver.cli.whatif_text import print_response, say
    from solver.whatif.as_json import as_json as response_json
    from solver.whatif.as_json import result_json
    from solver.whatif.commands import deepen, execute

    console, steps = Console(), list[dict[str, Any]]()
    told |= {"workload": session.base.workload.name, "branch": session.branch, "steps": steps}
    for line in lines:
        told["line"] = line
        word, _, rest = line.partition(" ")
        if word in FILES:
            write_file_of(session, word, rest.strip())
            continue
        response = execute(session, line, deep=not quick)
        response = response if quick else deepen(session, response)
        if as_json:
            steps.append(response_json(response))
        else:
            say(console, f"> {line}")
            print_response(response, console)
            console.print()
    result = session.result(compare=not quick)
    told |= {"branch": session.branch}
    told.pop("line", None)
    if as_json:
        typer.echo(json.dumps({**told, **result_json(result)}, indent=1))
    return result.exit_code


def _prompt(session: Session) -> None:
    from rich.console import Console

    from solver.cli.whatif_prompt import run_prompt

    run_prompt(session, Console())
    if session.store.path is not None:
        typer.echo(f"kept in {session.store.path}", err=True)
