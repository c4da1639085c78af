"""The command ``solver``: words in, words out, exit codes as promised (solver.errors.ExitCode)."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from solver import __version__
from solver.errors import ExitCode, SolverError

app = typer.Typer(
    no_args_is_help=True,
    help="Which inference hardware to buy, rent or call by API for LLM traffic, and how sure we are.",
    add_completion=True,
    pretty_exceptions_enable=False,
)

#: Sub-command groups and single commands: name -> module that holds them (`app` or a function).
GROUPS = {"catalog": "solver.cli.catalog", "workload": "solver.cli.workload"}
COMMANDS = {
    "solve": "solver.cli.solve:solve",
    "explain": "solver.cli.solve:explain",
    "verify": "solver.cli.solve:verify",
    "alternatives": "solver.cli.alternatives:alternatives",
    "cash-flow": "solver.cli.cash_flow:cash_flow",
    "simulate": "solver.cli.simulate:simulate",
    "calibrate": "solver.cli.calibrate:calibrate",
    "validate": "solver.cli.validate:validate",
    "sensitivity": "solver.cli.sensitivity:sensitivity",
    "frontier": "solver.cli.frontier:frontier",
    "study": "solver.cli.sensitivity:study",
    "whatif": "solver.cli.whatif:whatif",
    "ask": "solver.cli.whatif:ask",
}


def _version(show: bool) -> None:
    if show:
        typer.echo(f"fleet-solver {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    add_catalogs: Annotated[
        list[Path] | None,
        typer.Option("--add-catalogs", help="Folder of your own catalog entries beside the shipped ones."),
    ] = None,
) -> None:
    """Options of every command."""
    if add_catalogs:
        from solver.inputs.catalogs import with_extra_folders

        context.with_resource(with_extra_folders(add_catalogs))


def _register() -> None:
    for name, place in COMMANDS.items():
        module, function = place.split(":")
        app.command(name)(getattr(importlib.import_module(module), function))
    for name, module in GROUPS.items():
        app.add_typer(importlib.import_module(module).app, name=name)


_register()


def _plain(words: object) -> str:
    """Lines for a terminal: what they quote of a file holds no control characters."""
    from solver.reports.escape import plain

    return "".join(f"{plain(line)}\n" for line in str(words).split("\n"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; every known ending is one line on stderr and an exit code, never a traceback."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its vectors are short here: threads would only spin
    try:
        app(args=None if arguments is None else list(arguments), standalone_mode=True)
    except SolverError as error:
        sys.stderr.write(_plain(error))
        raise SystemExit(int(error.exit_code)) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        raise SystemExit(int(ExitCode.INTERRUPTED)) from None
    except BrokenPipeError:
        raise SystemExit(int(ExitCode.OUR_FAULT)) from None
    except MemoryError:
        sys.stderr.write("memory ran out before a plan was found; a larger gap or fewer systems need less\n")
        raise SystemExit(int(ExitCode.LIMIT_WITHOUT_PLAN)) from None
    except RecursionError:
        sys.stderr.write("the input is nested too deeply\n")
        raise SystemExit(int(ExitCode.BAD_INPUT)) from None
    except Exception as error:
        if os.environ.get("SOLVER_DEBUG"):
            raise
        sys.stderr.write(_plain(f"our fault: {type(error).__name__}: {error} (SOLVER_DEBUG=1 shows where)"))
        raise SystemExit(int(ExitCode.OUR_FAULT)) from None


if __name__ == "__main__":
    main()
