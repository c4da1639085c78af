"""The page of a session: works without script, refuses strangers, links every number to its source."""

import html
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from whatif_case import TEXT, loaded, session

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from solver.inputs.catalogs import load_catalog
from solver.web import app
from solver.web.app import make_app
from solver.web.controls import OFFERED, _prices
from solver.web.guard import Guard, host_name, is_loopback
from solver.whatif.planner import Result
from solver.whatif.session import Session
from solver.whatif.store import Store

ROOT = Path(__file__).parents[1]
PAGES = ("/", "/reasons", "/scenarios", "/history", "/ask", "/ask?q=next&a=10 %")


class Page(HTMLParser):
    """What a browser or screen reader would find."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.labels: set[str] = set()
        self.named: list[tuple[str, bool]] = []  # id of a field, whether it has a name of its own
        self.scripts: list[str | None] = []
        self.styled: list[str] = []
        self.loaded: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_data(self, data: str) -> None:
        self.words += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if tag == "label" and found.get("for"):
            self.labels.add(str(found["for"]))
        if tag in ("input", "select") and found.get("type") not in ("hidden", "checkbox"):
            self.named.append((str(found.get("id", "")), "aria-label" in found))
        if tag == "script":
            self.scripts.append(found.get("src"))
        self.styled += [name for name in found if name == "style" or name.startswith("on")]
        self.loaded += [
            str(found[k]) for k in ("src", "href") if tag in ("script", "link", "img") and k in found
        ]


@pytest.fixture
def one() -> Session:
    return session()


@pytest.fixture
def web(one: Session) -> Iterator[TestClient]:
    with TestClient(make_app(one), base_url="http://127.0.0.1:8722") as client:
        yield client


def test_a_change_by_form(web: TestClient, one: Session) -> None:
    page = web.post("/do/change", data={"text": "demand x2"})
    assert page.status_code == 200
    assert one.state().changes == ("demand.chat=x2",)
    assert "Buy 2 × DGX B200" in Page(page.text).words
    assert "What the last change did" in page.text
    field = {"name": "price.dgx-b200", "value": "450000", "unit": ""}
    assert web.post("/do/change", data=field, follow_redirects=False).status_code == 303
    assert one.loaded().workload.hardware.overrides["dgx-b200"]["price_usd"] == 450_000
    web.post("/do/change", data={"name": "budget.capex", "value": "2000000", "unit": ""})
    web.post("/do/change", data={"name": "budget.capex", "value": "", "unit": ""})  # an emptied field
    assert one.loaded().workload.money.budget_capex_usd is None
    assert "disabled" in web.get("/").text.partition('id="redo"')[2][:20]
    web.post("/do/undo")
    assert one.loaded().workload.money.budget_capex_usd == 2e6
    web.post("/do/redo")
    assert one.loaded().workload.money.budget_capex_usd is None


def test_a_change_is_tried_without_being_made(web: TestClient, one: Session) -> None:
    field = {"name": "demand.chat", "value": "300", "unit": "requests/s"}
    page = web.get("/try", params=field)
    words = Page(page.text).words
    assert "Buy 2 × DGX B200" in words
    assert "Trying demand.chat=300 requests/s, not made yet" in words
    assert "What this change would do" in page.text
    assert 'data-load="/speed?branch=main&amp;text=demand.chat%3D300%20requests/s"' in page.text
    assert one.store.events() == []
    assert web.get("/try", params={"name": "demand.chat", "value": "many"}).status_code == 422
    assert web.get("/try").status_code == 422
    speeds = web.get("/speed", params={"text": "demand.chat=300 requests/s"}).text
    plan = one.planner.result(one.tried("demand.chat=300 requests/s")[1]).plan
    assert plan is not None
    assert f"${plan.objective_usd / 1e6:.2f}M" in speeds
    assert one.store.events() == []


def test_prices_are_of_what_can_be_had() -> None:
    """No field for systems that the workload does not permit, such as hypothetical ones."""
    catalog = load_catalog()
    for extra, hypothetical in (("", False), ("hardware: {hypothetical: true}\n", True)):
        text = TEXT.partition("hardware:")[0] + extra
        found = {c.name.partition(".")[2] for c in _prices(loaded(text), None, catalog)}
        assert len(found) == OFFERED
        assert any(s.startswith("hyp-") for s in found) is hypothetical


def test_fields_for_technology_tokens_and_years(web: TestClient, one: Session) -> None:
    page = web.get("/").text
    for name in ("memory.dgx-b200", "budget.2027", "opex.2029", "token_output.deepinfra/llama-4-maverick"):
        assert f'name="name" value="{name}' in page, name
    web.post("/do/change", data={"name": "budget.2027", "value": "600000", "unit": ""})
    web.post("/do/change", data={"name": "bandwidth.dgx-b200", "value": "100", "unit": ""})
    assert one.loaded().workload.money.budget_capex_by_year_usd == (600_000,)
    assert one.loaded().workload.hardware.overrides["dgx-b200"]["dram_bw_tbs"] == 100


def test_what_is_refused_is_told_and_changes_nothing(web: TestClient, one: Session) -> None:
    for form in ({"text": "nonsense"}, {}, {"name": "tpot.chat", "value": "-3", "unit": "ms"}):
        page = web.post("/do/change", data=form)
        assert page.status_code == 200
        assert 'id="error" role="alert">' in page.text
    assert one.store.events() == []
    assert web.post("/do/nothing").status_code == 404
    assert web.get("/do/change").status_code == 405
    assert web.get("/ask?q=nothing").status_code == 422
    assert web.get("/scenarios?s=@77").status_code == 404


def test_a_question_under_way_is_told_and_stopped(
    web: TestClient, one: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its plans so far, looked at again without script; when stopped, what was found."""
    go_on, answered = threading.Semaphore(2), one.planner.answered

    def slow(*arguments: Any) -> Result:
        assert go_on.acquire(timeout=60)
        return answered(*arguments)

    monkeypatch.setattr(one.planner, "answered", slow)
    monkeypatch.setattr(app, "PATIENCE_S", 0.3)
    text = web.get("/ask?q=afford&a=2M").text
    again = html.unescape(re.findall(r'http-equiv="refresh" content="1;url=([^"]+)"', text)[0])
    while "2 times" not in Page(text).words and Page(text).words.count("times today's demand: $") < 2:
        text = web.get(again).text
    assert "Solving for" in Page(text).words and "at most 120 s" in Page(text).words
    assert html.unescape(re.findall(r'http-equiv="refresh" content="1;url=([^"]+)"', text)[0]) == again
    stop = html.unescape(re.findall(r'action="(/stop/[^"]+)"', text)[0])
    text = web.post(stop).text
    assert "The plan under way is taken" in Page(text).words
    go_on.release(50)
    while "The plan under way" in Page(text).words:
        text = web.get(again).text
    assert "serve at least" in Page(text).words and "Ask again, with 10 minutes" in Page(text).words
    assert web.post("/stop/77?q=next").status_code == 200


def test_no_plan_is_a_page_too(web: TestClient) -> None:
    for change in ("ways=buy", "exclude=cs3", "supply.dgx-b200=1"):
        page = web.post("/do/change", data={"text": change})
    assert "No plan: infeasible" in page.text
    for path in ("/report.html", "/plan.json", "/workbook.xlsx"):
        assert web.get(path).status_code == 409
    assert web.get("/scenarios").status_code == web.get("/reasons").status_code == 200


def test_branches_notes_and_scenarios(web: TestClient, one: Session) -> None:
    web.post("/do/change", data={"text": "demand x2"})
    web.post("/do/branch", data={"name": "cheap", "from": "base"})
    web.post("/do/change?branch=cheap", data={"text": "price.dgx-b200=300k"})
    web.post("/do/note?branch=cheap", data={"text": "as offered", "state": "", "back": "history"})
    assert one.state("cheap").changes == ("price.dgx-b200=300k",)
    assert one.state("main").changes == ("demand.chat=x2",)
    page = web.get("/scenarios?s=base&s=main&s=cheap").text
    assert len(re.findall(r'<th scope="col" class="right">', page)) == 3
    history = web.get("/history?branch=cheap").text
    assert "as offered" in history
    assert "demand.chat=x2" in history


def test_downloads(web: TestClient) -> None:
    assert web.get("/report.html").text.startswith("<!DOCTYPE html>")
    assert web.get("/workbook.xlsx").content[:2] == b"PK"
    assert web.get("/plan.json").json()["verified"] is True
    assert web.get("/session.json").json()["format"] == "fleet-session/1"
    for path in ("/report.html", "/workbook.xlsx", "/plan.json", "/session.json"):
        assert web.get(path).headers["content-disposition"].startswith("attachment")


def test_every_number_leads_to_its_source(web: TestClient) -> None:
    """Links inside the page end at an element; every number of a table is such a link."""
    for path in ("/", "/reasons"):
        text = web.get(path).text
        page = Page(text)
        assert len(page.ids) == len(set(page.ids))
        inside = [link[1:] for link in page.links if link.startswith("#")]
        assert len(inside) > 5
        assert set(inside) <= {*page.ids}
        tables = text.partition("In numbers")[2] if path == "/" else text
        cells = re.findall(r'<td [^>]*class="right">([^<]+)</td>', tables)
        assert cells == []
    assert "evidence-dgx-b200" in web.get("/").text


def test_usable_without_mouse_and_sight(web: TestClient) -> None:
    """Every field has a label; headings, landmarks and a live headline are there; one page, one language."""
    for path in PAGES:
        text = web.get(path).text
        page = Page(text)
        assert all(own or name in page.labels for name, own in page.named), path
        assert '<html lang="en">' in text
        assert text.count("<h1") == text.count("<main") == 1
        assert 'name="viewport"' in text
    assert '<p id="status" role="status"' in web.get("/").text
    assert 'class="skip"' in web.get("/").text


def test_nothing_from_elsewhere_and_nothing_inline(web: TestClient) -> None:
    for path in PAGES:
        answer = web.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        page = Page(answer.text)
        assert page.scripts == ["/static/page.js"]
        assert page.styled == []
        assert all(link.startswith("/") or link == "data:," for link in page.loaded)
    for path in ("/static/page.js", "/static/page.css", "/style/report.css"):
        answer = web.get(path)
        assert answer.status_code == 200
        assert "http" not in answer.text
    assert web.get("/static/../app.py").status_code == 404
    assert web.get("/static/%2e%2e/app.py").status_code == 404


def test_text_of_others_stays_text() -> None:
    """Names of services, notes and changes may hold markup; the page shows it."""
    hostile = '"><script>alert(1)</script>'
    made = Session.begin(None, loaded(TEXT.replace("name: by-hand", f"name: '{hostile}'")))
    made.note(hostile)
    with TestClient(make_app(made), base_url="http://localhost") as web:
        web.post("/do/change", data={"text": hostile})
        for path in PAGES:
            text = web.get(f"{path}{'&' if '?' in path else '?'}error={hostile}&branch={hostile}").text
            assert "<script>alert" not in text
            assert Page(text).scripts == ["/static/page.js"]


def test_strangers_are_refused(web: TestClient, one: Session) -> None:
    """Another Host (DNS rebinding), another origin (forms of other sites), bodies without end."""
    for host in ("evil.example", "127.0.0.1.evil.example", "192.168.1.5:8722", ""):
        assert web.get("/", headers={"host": host}).status_code == 421, host
    for host in ("localhost:8722", "[::1]:8722", "127.0.0.1"):
        assert web.get("/ask", headers={"host": host}).status_code == 200
    for headers in (
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        assert web.post("/do/change", data={"text": "demand x2"}, headers=headers).status_code == 403
    assert web.post("/do/change", content=b"x" * 1_000_001).status_code == 413
    assert web.post("/do/change", content=b"a=1&" * 100).status_code in (400, 413)
    assert one.store.events() == []


def test_token_where_others_can_reach_it(one: Session) -> None:
    app = make_app(one, "0.0.0.0", "secret-token")
    with TestClient(app, base_url="http://192.168.1.5:8722", follow_redirects=False) as web:
        assert web.get("/").status_code == 401
        assert web.get("/?token=wrong").status_code == 401
        assert web.post("/do/undo").status_code == 401
        answer = web.get("/?token=secret-token")
        assert answer.status_code == 303
        assert "token" not in answer.headers["location"]
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert web.get("/").status_code == 200
        assert web.get("/", headers={"host": "evil.example"}).status_code == 421


def served(tmp_path: Path, *options: str) -> "tuple[subprocess.Popen[str], str]":
    """A running `solver whatif --web` and the address it prints."""
    (tmp_path / "w.yaml").write_text(TEXT)
    command = [sys.executable, "-m", "solver.cli.app", "whatif", "w.yaml", "--web", "--port", "0", *options]
    process = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def stopped(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


def test_served_and_kept(tmp_path: Path) -> None:
    """The command serves, a change is on disk at once, Ctrl-C ends it, and the session is there again."""
    process, address = served(tmp_path)
    try:
        assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", address)
        data = urllib.parse.urlencode({"text": "demand x2"}).encode()
        with urllib.request.urlopen(f"{address}do/change", data, timeout=30) as answer:
            assert "Buy 2 × DGX B200" in Page(answer.read().decode()).words
    finally:
        stopped(process)
    assert Session(Store(tmp_path / "by-hand.whatif")).state().changes == ("demand.chat=x2",)


def test_served_to_others_with_a_token(tmp_path: Path) -> None:
    process, address = served(tmp_path, "--host", "0.0.0.0")
    try:
        found = re.fullmatch(r"http://0\.0\.0\.0:([0-9]+)/\?token=([\w-]{32,})", address)
        assert found
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/", timeout=30)
        assert refused.value.code == 401
        refused.value.close()
    finally:
        stopped(process)


def test_addresses() -> None:
    assert all(is_loopback(h) for h in ("localhost", "127.0.0.1", "127.9.9.9", "::1"))
    assert not any(is_loopback(h) for h in ("0.0.0.0", "10.0.0.1", "example.org", ""))
    assert [host_name(h) for h in ("a:1", "[::1]:80", "A")] == ["a", "::1", "a"]
    guard = Guard(lambda *_: None, "10.0.0.1", "t")  # type: ignore[arg-type,return-value]
    assert guard.known("10.0.0.1:80")
    assert not guard.known("evil.example")
