"""The page of a session in a real headless Chromium, end to end: mouse, keyboard, screen reader, sizes."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from browser import Tab, browser, browser_path
from test_web_numbers import EXEMPT, NAMES
from whatif_case import TEXT

from solver.whatif.session import Session
from solver.whatif.store import Store

ROOT = Path(__file__).parents[1]
pytestmark = [
    pytest.mark.skipif(browser_path() is None, reason="no Chromium is installed on this machine"),
    pytest.mark.skipif(importlib.util.find_spec("websockets") is None, reason="websockets is not installed"),
    pytest.mark.skipif(importlib.util.find_spec("uvicorn") is None, reason="uvicorn is not installed"),
]
#: Where screenshots are kept to be looked at (default: with the files of the test).
SHOTS = os.environ.get("SCREENSHOTS", "")
SIZES = {"desktop": (1440, 900), "projector": (1280, 720), "phone": (390, 844)}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A served session, and the folder that keeps it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "w.yaml").write_text(TEXT)
    command = [sys.executable, "-m", "solver.cli.app", "whatif", "w.yaml", "--web", "--port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert process.stdout is not None
    yield process.stdout.readline().strip(), folder
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browser(tmp_path_factory.mktemp("browser")) as tab:
        yield tab


@pytest.fixture
def tab(shared: Tab, site: tuple[str, Path]) -> Iterator[Tab]:
    """The page in the size of a desktop; afterwards nothing may have gone wrong on it."""
    shared.events.clear()
    shared.size(*SIZES["desktop"])
    shared.open(site[0])
    shared.until("document.querySelector('#reasons table') && document.querySelector('#speed table')")
    yield shared
    assert shared.complaints() == []


def changes(site: tuple[str, Path]) -> tuple[str, ...]:
    """What the file of the session says: the changes that lead to the present state."""
    store = Store(site[1] / "by-hand.whatif")
    made = Session(store).state().changes
    store.close()
    return made


def headline(tab: Tab) -> str:
    return str(tab.run("document.getElementById('headline').textContent"))


def move(tab: Tab, field: str, value: float, event: str) -> None:
    """What the hand on a slider does to the page."""
    tab.run(
        f"(() => {{ const s = document.querySelector('input[data-for=\"{field}\"]');"
        f" s.focus(); s.value = {value}; s.dispatchEvent(new Event('{event}', {{bubbles: true}})); }})()"
    )


def test_a_slider_is_tried_while_it_moves_and_made_when_it_rests(tab: Tab, site: tuple[str, Path]) -> None:
    assert headline(tab).startswith("Buy 1 × DGX B200")
    before = changes(site)
    move(tab, "demand-chat", 300, "input")
    tab.until("document.querySelector('#result .kicker').textContent.startsWith('Trying demand.chat=300')")
    assert headline(tab).startswith("Buy 2 × DGX B200")
    assert tab.run("document.getElementById('demand-chat').value") == "300"
    assert changes(site) == before  # nothing is written yet
    # the figure of the cash flow and the comparison have moved with it
    assert "What this change would do" in tab.run("document.getElementById('result').innerText")
    assert tab.run("document.querySelectorAll('#result svg').length") >= 3
    tab.until("document.querySelector('#speed table')")
    move(tab, "demand-chat", 300, "change")
    tab.until("document.querySelector('#result .kicker').textContent.includes('@')")
    assert changes(site)[-1] == "demand.chat=300 requests/s"
    tab.until("document.getElementById('status').textContent.startsWith('Buy 2')")  # told to a screen reader
    assert tab.run("document.activeElement.dataset.for") == "demand-chat"  # the focus stays
    tab.run("document.getElementById('undo').click()")
    tab.until("document.getElementById('headline').textContent.startsWith('Buy 1')")


def test_keyboard_alone(tab: Tab, site: tuple[str, Path]) -> None:
    """Skip link, field of changes, a slider by arrows, undo: with Tab, keys and Enter."""
    tab.key("Tab")
    assert tab.run("document.activeElement.className") == "skip"
    for _ in range(40):
        tab.key("Tab")
        if tab.run("document.activeElement.id") == "free":
            break
    assert tab.run("document.activeElement.id") == "free"
    tab.type("demand x2")
    tab.key("Enter")
    tab.until("document.getElementById('headline').textContent.startsWith('Buy 2')")
    assert changes(site)[-1] == "demand.chat=x2"
    for _ in range(40):
        tab.key("Tab")
        if tab.run("document.activeElement.dataset.for") == "demand-chat":
            break
    outline = tab.run("getComputedStyle(document.activeElement).outlineStyle")
    assert outline != "none"  # the focus is seen
    at = float(tab.run("document.activeElement.value"))
    tab.key("ArrowRight")
    tab.until(f"Number(document.getElementById('demand-chat').value) > {at}")
    deadline = time.monotonic() + 20
    while changes(site)[-1] == "demand.chat=x2" and time.monotonic() < deadline:
        time.sleep(0.1)
    tab.until("document.querySelector('#result .kicker').textContent.startsWith('State')")
    tab.until("document.activeElement.dataset.for === 'demand-chat'")
    assert re.fullmatch(r"demand\.chat=[\d.]+ requests/s", changes(site)[-1])
    for _ in range(2):
        tab.run("document.getElementById('undo').focus()")
        number = len(changes(site))
        tab.key("Enter")
        tab.until("document.getElementById('main').getAttribute('aria-busy') === 'false'")
        assert len(changes(site)) == number - 1


def test_a_refusal_is_an_alert(tab: Tab) -> None:
    tab.run("document.getElementById('free').focus()")
    tab.type("nonsense")
    tab.key("Enter")
    tab.until("!document.getElementById('error').hidden")
    assert "is not understood" in tab.run("document.getElementById('error').textContent")
    assert any(n["role"] == "alert" and not n.get("hidden") for n in tab.tree())


def test_what_a_screen_reader_is_told(tab: Tab) -> None:
    """Every control has a name of its own, landmarks are there, tables have captions, figures have words."""
    tree = tab.tree()
    roles = {n["role"] for n in tree}
    assert {"main", "navigation", "banner", "status", "heading", "table", "slider", "textbox"} <= roles
    for role in ("slider", "textbox", "combobox", "button", "link", "checkbox"):
        unnamed = [n for n in tree if n["role"] == role and not str(n["name"]).strip()]
        assert unnamed == [], role
    sliders = [n["name"] for n in tree if n["role"] == "slider"]
    assert len(sliders) == len(set(sliders)) > 5
    assert all(n["name"] for n in tree if n["role"] in ("table", "figure", "region"))
    levels = [n["level"] for n in tree if n["role"] == "heading"]
    assert levels[0] == 1
    assert all(b <= a + 1 for a, b in pairwise(levels))
    live = tab.run("document.getElementById('status').getAttribute('role')")
    assert live == "status"


@pytest.mark.parametrize("name", SIZES)
def test_fits_the_screen(tab: Tab, tmp_path: Path, name: str) -> None:
    """No page is wider than the screen; texts are large enough to be read, targets to be hit."""
    width, height = SIZES[name]
    tab.size(width, height, phone=name == "phone")
    folder = Path(SHOTS) if SHOTS else tmp_path
    folder.mkdir(parents=True, exist_ok=True)
    for path in ("", "scenarios", "ask?q=regret&a=0.5", "history"):
        tab.open(f"{tab.run('location.origin')}/{path}")
        if not path:
            tab.until("document.querySelector('#reasons table') && document.querySelector('#speed table')")
        assert tab.run("document.documentElement.scrollWidth") <= width, path
        sizes = tab.run(
            "[...document.querySelectorAll('p, td, th, label, a, button')].filter(e => e.offsetParent)"
            ".map(e => parseFloat(getComputedStyle(e).fontSize))"
        )
        assert min(sizes) >= 11
        heights = tab.run(
            "[...document.querySelectorAll('button')].filter(e => e.offsetParent).map(e => e.offsetHeight)"
        )
        assert min(heights, default=99) >= 30
        tab.screenshot(folder / f"{name}-{path.partition('?')[0] or 'plan'}.png")
    if name != "phone":  # fields and plan stand side by side, the headline is seen at once
        tab.open(f"{tab.run('location.origin')}/")
        assert tab.run("document.getElementById('headline').getBoundingClientRect().bottom") < height
        assert tab.run("document.getElementById('demand-chat').getBoundingClientRect().bottom") < height
    tab.size(*SIZES["desktop"])


def test_questions_scenarios_and_downloads(tab: Tab, site: tuple[str, Path]) -> None:
    """Each question is a button; states stand side by side; files come as they are named."""
    tab.open(f"{site[0]}ask")
    buttons = tab.run("document.querySelectorAll('.questions button').length")
    assert buttons == 8
    tab.run("document.querySelector('#q-regret').form.requestSubmit()")
    tab.until("document.querySelector('section.answer')")
    assert re.match(r"Nothing: today's purchases are right|At 0.5 times the demand", headline(tab))
    tab.open(f"{site[0]}scenarios?s=base&s=main")
    assert tab.run("document.querySelectorAll('table.side td').length") > 10
    bare = "c => c.textContent.trim() && !c.querySelector('a')"
    assert tab.run(f"[...document.querySelectorAll('table.side td')].filter({bare}).length") == 0
    for name, start in (("workbook.xlsx", "PK"), ("report.html", "<!"), ("session.json", "{\n")):
        found = tab.run(f"fetch('/{name}').then(r => r.text()).then(t => t.slice(0, 2))")
        assert found == start, name


def test_every_link_inside_leads_somewhere(tab: Tab) -> None:
    """Links of numbers end at their source, which is then marked."""
    lost = tab.run(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map(a => a.getAttribute('href').slice(1))"
        ".filter(id => !document.getElementById(id))"
    )
    assert lost == []
    tab.run("document.querySelector('td a.source').click()")
    assert tab.run("document.querySelector(':target') !== null")


BARE = """(exempt, names) => {
  const walker = document.createTreeWalker(document.getElementById("main"), NodeFilter.SHOW_TEXT);
  const found = [];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    let text = node.textContent;
    if (node.parentElement.closest("a[href]") || node.parentElement.closest(exempt)) continue;
    for (const name of names) text = text.split(name).join("");
    if (/[0-9]/.test(text)) found.push(node.textContent.trim());
  }
  return found;
}"""


def test_every_number_is_a_link(tab: Tab, site: tuple[str, Path]) -> None:
    """Numbers in sentences, figures and tables lead to a source, and methods lead on to their inputs."""
    made = changes(site)
    tab.run("document.getElementById('free').focus()")
    tab.type("demand x2")
    tab.key("Enter")
    tab.until("document.getElementById('headline').textContent.startsWith('Buy 2')")
    tab.until("document.querySelector('#reasons table') && document.querySelector('#speed table')")
    asked = ("ask?q=afford&a=2M", "ask?q=next", "ask?q=flip", "ask?q=late&a=dgx-b200 6", "ask?q=regret")
    asked += ("ask?q=wait&a=dgx-b200 12", "ask?q=ways", "ask?q=speed")
    bare = (
        f"({BARE})({', '.join(map(json.dumps, (', '.join(EXEMPT), sorted(NAMES, key=len, reverse=True))))})"
    )
    for path in ("", "reasons", "speed", "scenarios?s=base&s=main", *asked):
        if path:
            tab.open(f"{site[0]}{path}")
        assert tab.run(bare) == [], path
        assert tab.run("document.querySelectorAll('#main a.source, #main svg a').length") >= 5, path
        lost = tab.run(
            "[...document.querySelectorAll('#main a')].map(a => a.getAttribute('href'))"
            ".filter(h => h.startsWith('#') && !document.getElementById(h.slice(1)))"
        )
        assert lost == [], path
        unnamed = tab.run(
            "[...document.querySelectorAll('#main svg a')].filter(a => !a.getAttribute('aria-label')).length"
        )
        assert unnamed == 0
        idle = tab.run(  # formulas without inputs, catalog values and statements without a place
            "[...document.querySelectorAll('.sources dl > div')].filter(d => !d.querySelector('dd a'))"
            ".map(d => d.id)"
        )
        assert idle == ["method-seconds"], path
        places = tab.run("[...document.querySelectorAll('.sources li')].map(l => l.textContent.trim())")
        assert all(re.search(r"(yaml:\d+|--set |default, not stated|\(20\d\d)", p) for p in places), places
    tab.open(site[0])
    while changes(site) != made:
        tab.run("document.getElementById('undo').click()")
        tab.until("document.getElementById('main').getAttribute('aria-busy') === 'false'")


def test_figures_are_read_by_a_screen_reader(tab: Tab) -> None:
    """Points of figures are links with names that say what they show."""
    links = [n["name"] for n in tab.tree() if n["role"] == "link"]
    assert any(re.fullmatch(r"total: \$[\d.]+[kM]", name) for name in links)
    assert any(re.fullmatch(r"DGX B200 \(8 GPU\), buy: \d+", name) for name in links)


def test_offline(tab: Tab) -> None:
    """All that the page asked for came from its own server (checked again after every test)."""
    asked = [
        e["params"]["request"]["url"] for e in tab.events if e.get("method") == "Network.requestWillBeSent"
    ]
    assert len(asked) >= 4
    assert tab.complaints() == []
