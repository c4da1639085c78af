"""Files that a what-if session writes: report, workbook, the session itself."""

from __future__ import annotations

from pathlib import Path

from solver.errors import UsageError
from solver.reports.files import write_atomically
from solver.whatif.session import Session


def write_file_of(session: Session, kind: str, name: str) -> Path:
    """Write the ``report``, ``xlsx`` or ``export`` of a session to a file."""
    if not name:
        raise UsageError(f"write: {kind} FILE")
    path = Path(name)
    write_atomically(path, content(session, kind))
    return path


def content(session: Session, kind: str) -> bytes:
    """The bytes of a file of the present state."""
    if kind == "export":
        from solver.whatif.exchange import exported

        return exported(session).encode()
    if kind == "xlsx":
        from solver.whatif.workbook import workbook_of

        return workbook_of(session)
    plan = session.result(compare=True).plan
    if plan is None:
        raise UsageError("there is no plan to report")
    from solver.reports.html import render_html

    return render_html(plan).encode()
