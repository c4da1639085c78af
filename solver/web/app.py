"""The routes of the page. Every change is a POST that ends in a redirect; everything works without script."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from solver.errors import ExitCode, SolverError, UsageError
from solver.reports.html import TEMPLATES, render_html
from solver.web import other_pages, pages
from solver.web.ask_pages import Asks, ask_page
from solver.web.asking import Asking
from solver.web.guard import Guard
from solver.whatif.commands import case_of
from solver.whatif.effort import Effort
from solver.whatif.questions import answer
from solver.whatif.session import Session

STATIC = Path(__file__).parent / "static"
MAX_FIELDS = 20
PATIENCE_S = 2.0  # an answer that comes so soon is shown at once
MOST_SECONDS = 3600.0  # for a question


class Web:
    """The pages of one session; each request works on the branch it names."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.asking = Asking()

    def view(self, request: Request) -> Session:
        """The session on the branch of the request."""
        branch = request.query_params.get("branch", "") or self.session.branch
        try:
            return self.session.on(branch)
        except UsageError:
            return self.session.on("main")

    # pages --------------------------------------------------------------------------------------

    def plan(self, request: Request) -> Response:
        """The main page: fields and the plan of the present state; ``error`` of the address is shown."""
        session, started = self.view(request), time.perf_counter()
        result = session.result()
        seconds = time.perf_counter() - started
        said = request.query_params.get("error", "")[:500]
        return HTMLResponse(pages.plan_page(session, seconds, result, said))

    def trial(self, request: Request) -> Response:
        """The plan after a change that is tried and not made, for sliders on their way."""
        session, started = self.view(request), time.perf_counter()
        try:
            line, loaded = session.tried(_said(dict(request.query_params)))
            result = session.planner.result(loaded)
        except SolverError as error:
            return PlainTextResponse(str(error), 422)
        seconds = time.perf_counter() - started
        return HTMLResponse(pages.plan_page(session, seconds, result, trial=pages.Trial(line, loaded)))

    def speed(self, request: Request) -> Response:
        """Cost against speed of the present state, or of a change that is tried."""
        session, form = self.view(request), dict(request.query_params)
        try:
            loaded = session.tried(_said(form))[1] if form.get("name") or form.get("text") else None
            case = replace(case_of(session), loaded=loaded) if loaded else case_of(session)
            return HTMLResponse(other_pages.speed_part(session, answer(case, "speed", ())))
        except SolverError as error:
            return HTMLResponse(other_pages.speed_part(session, None, str(error)))

    def reasons(self, request: Request) -> Response:
        """What binds, runners-up and break-even prices, as a part of the main page."""
        return HTMLResponse(pages.reasons_part(self.view(request)))

    def scenarios(self, request: Request) -> Response:
        """States side by side, those of ``s`` in the address; 404 where one is unknown."""
        try:
            return HTMLResponse(
                other_pages.scenarios_page(self.view(request), request.query_params.getlist("s"))
            )
        except SolverError as error:
            return PlainTextResponse(str(error), 404)

    def history(self, request: Request) -> Response:
        """Every state of the session with its notes."""
        return HTMLResponse(other_pages.history_page(self.view(request)))

    def ask(self, request: Request) -> Response:
        """The questions, and the answer to ``q`` about ``a`` within ``s`` seconds; 422 where it has none.

        While it is searched, what has been found; ``job`` of the address is the number of the question.
        """
        session, given = self.view(request), request.query_params
        asks = Asks(given.get("q", ""), given.get("a", "")[:200], _seconds(session, given.get("s", "")))
        if not asks.name:
            return HTMLResponse(ask_page(session))
        asked = self.asking.get(given.get("job", ""))
        if asked is None:
            case = case_of(session, Effort(asks.seconds))
            asked = self.asking.begin(case, asks.name, asks.argument.split())
        if not asked.wait(PATIENCE_S):
            return HTMLResponse(ask_page(session, asks, asked))
        bad = asked.refusal is not None and asked.refusal.exit_code is ExitCode.BAD_INPUT
        return HTMLResponse(ask_page(session, asks, asked), 422 if bad else 200)

    def stop(self, request: Request) -> Response:
        """Stop a question, and show what has been found."""
        asked = self.asking.get(request.path_params["number"])
        if asked is not None:
            asked.effort.stop()
        return RedirectResponse(f"/ask?{request.url.query}", 303)

    # files --------------------------------------------------------------------------------------

    def report(self, request: Request) -> Response:
        """The report of the present plan as HTML; 409 where there is no plan."""
        plan = self.view(request).result(compare=True).plan
        if plan is None:
            return PlainTextResponse("There is no plan to report.", 409)
        return _file(render_html(plan).encode(), "report.html", "text/html; charset=utf-8")

    def workbook(self, request: Request) -> Response:
        """The workbook whose formulas follow changed prices; 409 where there is no plan."""
        from solver.whatif.workbook import workbook_of

        try:
            data = workbook_of(self.view(request))
        except UsageError as error:
            return PlainTextResponse(str(error), 409)
        kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
        return _file(data, "workbook.xlsx", kind)

    def export(self, request: Request) -> Response:
        """The session as one file."""
        from solver.whatif.exchange import exported

        return _file(exported(self.session).encode(), "session.json", "application/json")

    def plan_file(self, request: Request) -> Response:
        """The present plan as plan.json; 409 where there is none."""
        result = self.view(request).result(compare=True)
        if result.plan is None:
            return PlainTextResponse("There is no plan.", 409)
        return _file(result.body.encode(), "plan.json", "application/json")

    def style(self, request: Request) -> Response:
        """The style sheet that pages share with reports."""
        return FileResponse(TEMPLATES / "report.css", media_type="text/css")

    # changes ------------------------------------------------------------------------------------

    async def act(self, request: Request) -> Response:
        """Carry out what a form asks for, and show the plan."""
        body = (await request.body()).decode("utf-8", "replace")
        try:
            fields = parse_qs(body, True, max_num_fields=MAX_FIELDS)
        except ValueError:
            return PlainTextResponse("The form has too many fields.", 400)
        form = {key: values[-1] for key, values in fields.items()}
        session = self.view(request)
        step = STEPS.get(request.path_params["step"])
        if step is None:
            return PlainTextResponse("There is no such step.", 404)
        said = ""
        try:
            await run_in_threadpool(step, session, form)
        except SolverError as error:
            said = str(error)
        back = "history" if form.get("back") == "history" else ""
        query = f"?branch={quote(session.branch)}" + (f"&error={quote(said[:500])}" if said else "")
        return RedirectResponse(f"/{back}{query}", 303)


def _seconds(session: Session, given: str) -> float | None:
    """Seconds for a question: those of the address, or those that the session has for a plan."""
    return min(float(given), MOST_SECONDS) if given.isdecimal() else session.planner.request.time_limit_s


def _said(form: dict[str, str]) -> str:
    """The change that a form asks for: in words, or a field with its value (empty: none)."""
    text = form.get("text", "").strip()
    if text:
        return text
    name, value, unit = form.get("name", ""), form.get("value", "").strip(), form.get("unit", "")
    if not name:
        raise UsageError("write a change, such as demand.chat=x2")
    return f"{name}={value} {unit}".rstrip() if value else f"{name}=none"


STEPS: dict[str, Callable[[Session, dict[str, str]], object]] = {
    "change": lambda session, form: session.change(_said(form)),
    "undo": lambda session, form: session.undo(),
    "redo": lambda session, form: session.redo(),
    "branch": lambda session, form: session.new_branch(form.get("name", ""), form.get("from", "")),
    "note": lambda session, form: session.note(form.get("text", ""), form.get("state", "")),
}


def _file(data: bytes, name: str, kind: str) -> Response:
    return Response(data, media_type=kind, headers={"content-disposition": f'attachment; filename="{name}"'})


def make_app(session: Session, bound: str = "127.0.0.1", token: str = "") -> Starlette:
    """The application of a session, guarded for the address it is bound to."""
    web = Web(session)
    routes = [
        Route("/", web.plan),
        Route("/try", web.trial),
        Route("/speed", web.speed),
        Route("/reasons", web.reasons),
        Route("/scenarios", web.scenarios),
        Route("/history", web.history),
        Route("/ask", web.ask),
        Route("/stop/{number}", web.stop, methods=["POST"]),
        Route("/report.html", web.report),
        Route("/workbook.xlsx", web.workbook),
        Route("/session.json", web.export),
        Route("/plan.json", web.plan_file),
        Route("/style/report.css", web.style),
        Route("/do/{step}", web.act, methods=["POST"]),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Starlette(routes=routes, middleware=[Middleware(Guard, bound=bound, token=token)])
