"""Every number on the page of a session is a link to where it comes from, for plans of many kinds."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from whatif_case import session

pytest.importorskip("starlette")
from starlette.testclient import TestClient

from solver.inputs.catalogs import load_catalog
from solver.inputs.workload import load_workload
from solver.paths import find_workload
from solver.web.app import make_app
from solver.whatif.session import Session

#: Text with digits that is no link, by class or element, with the reason.
EXEMPT = {
    ".controls": "fields to type in; each tells its source beneath it",
    ".questions": "fields to type in",
    ".sources": "where the links lead to; it names places, dates and links of its own",
    ".said": "words that people typed: changes, notes, names of branches",
    ".remedy": "an example of what to type",
    "title": "a figure in words for a screen reader; its points are links",
    "desc": "a figure in words for a screen reader; its points are links",
    ".ruler": "scale of an axis, which says nothing of the plan",
}
CATALOG = load_catalog()
#: Names of systems and models hold digits.
NAMES = {*CATALOG.systems, *CATALOG.models, *(s.name for s in CATALOG.systems.values())}
EMPTY = ("meta", "link", "input", "rect", "line", "path", "circle")
PAGES = ("/", "/reasons", "/scenarios", "/speed", "/ask?q=next")


class Bare(HTMLParser):
    """Text with digits outside of links and of what is exempt; links within the page, and their ends."""

    def __init__(self, text: str, names: set[str]) -> None:
        super().__init__()
        self.names = sorted(names, key=len, reverse=True)
        self.stack: list[tuple[str, bool]] = []
        self.found: list[str] = []
        self.numbers = 0  # links that bear a digit
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        self.ids.add(facts.get("id") or "")
        if (facts.get("href") or "").startswith("#"):
            self.links.add(str(facts["href"])[1:])
        if tag not in EMPTY:
            classes = {f".{name}" for name in (facts.get("class") or "").split()}
            self.stack.append((tag, (tag == "a" and "href" in facts) or bool({tag, *classes} & {*EXEMPT})))

    def handle_endtag(self, tag: str) -> None:
        while tag not in EMPTY and self.stack and self.stack.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not any(tag == "main" for tag, _ in self.stack):
            return
        text = data
        for name in self.names:
            text = text.replace(name, "")
        if re.search(r"\d", text):
            linked = any(free for _, free in self.stack)
            self.numbers += linked
            if not linked:
                self.found.append(data)


def names_of(one: Session) -> set[str]:
    """Names of the catalogs and of the workload."""
    workload = one.base.workload
    named = (*workload.services, *workload.sites, *workload.regions)
    return {*NAMES, *(entry.name for entry in named)}


@pytest.mark.parametrize(
    "name",
    ("04-conversation-and-code", "13-spot", "24-regions", "30-fiscal-years", "37-prefill-and-decode-apart"),
)
def test_every_number_of_a_lesson_is_a_link(name: str) -> None:
    one = Session.begin(None, load_workload(find_workload(name)))
    with TestClient(make_app(one), base_url="http://127.0.0.1:8722") as web:
        for path in PAGES:
            page = Bare(web.get(path).text, names_of(one))
            assert page.found == [], path
            assert page.numbers > 20 or path == "/speed", path  # some promise no speed
            assert page.links <= page.ids, path


def test_a_number_without_a_link_is_found() -> None:
    page = Bare('<main><p>It costs <a href="#a">$5</a> or 7 dollars</p><p class="said">8</p></main>', set())
    assert page.found == [" or 7 dollars"]


def test_why_there_is_no_plan_leads_to_the_statements() -> None:
    one = session()
    for change in ("ways=buy", "exclude=cs3", "supply.dgx-b200=1"):
        one.change(change)
    with TestClient(make_app(one), base_url="http://127.0.0.1:8722") as web:
        page = Bare(web.get("/").text, names_of(one))
    assert page.found == []
    assert {"method-infeasible", "inputs-demand"} <= page.links
    assert "stated-services-0-demand" in page.ids


def test_changed_values_lead_to_the_change_and_to_the_catalog() -> None:
    one = session()
    one.change("price.dgx-b200=450k")
    one.change("demand.chat=x2")
    with TestClient(make_app(one), base_url="http://127.0.0.1:8722") as web:
        text = web.get("/").text
    price = re.search(r'<li id="evidence-dgx-b200-buy-price">(.*)</li>', text)
    assert price
    assert "--set hardware.overrides.dgx-b200.price_usd=450k" in price[1]
    assert "catalog: " in price[1]
    demand = re.search(r'<li id="stated-services-0-demand">(.*)</li>', text)
    assert demand
    assert "300 requests/s" in demand[1]
    assert "--set services.0.demand" in demand[1]
