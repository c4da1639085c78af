// Forms work without this file. With it, a change is tried while a slider or field moves, sent when it rests,
// and only the parts that changed are replaced.
"use strict";

const PARTS = ["controls", "result", "error"];
const REST_MS = 500; // a slider or key that rests so long has made its change
const LATER_MS = 700; // a trial that rests so long is also solved for other speeds

function busy(on) {
  document.body.classList.toggle("busy", on);
  document.getElementById("main").setAttribute("aria-busy", String(on));
}

// The headline is told by a live region that stays on the page.
function tell() {
  const headline = document.getElementById("headline");
  if (headline) document.getElementById("status").textContent = headline.textContent.trim();
}

function fields(root) {
  for (const slider of root.querySelectorAll("input[type=range][data-for]")) {
    const field = document.getElementById(slider.dataset.for);
    let rest = 0;
    slider.hidden = false;
    slider.addEventListener("input", () => {
      field.value = Number(Number(slider.value).toPrecision(4));
      clearTimeout(rest);
      tryOut(slider.form);
    });
    slider.addEventListener("change", () => {
      clearTimeout(rest);
      rest = setTimeout(() => slider.form.requestSubmit(), REST_MS);
    });
    field.addEventListener("input", () => {
      if (field.value !== "") slider.value = field.value;
      tryOut(slider.form);
    });
  }
}

let latest = 0;

async function page(answer) {
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function send(form) {
  const mine = ++latest;
  const focused = document.activeElement;
  const back = focused && (focused.id || focused.dataset.for);
  const range = focused && focused.type === "range";
  const open = [...document.querySelectorAll("details.group")].map((d) => d.open);
  const top = document.getElementById("controls").scrollTop;
  busy(true);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (mine !== latest) return;
    const fresh = await page(answer);
    if (!answer.ok || !fresh.getElementById("result")) throw new Error(fresh.body.textContent || answer.statusText);
    for (const part of PARTS) replace(part, fresh);
    document.querySelectorAll("details.group").forEach((d, n) => { if (n in open) d.open = open[n]; });
    document.getElementById("controls").scrollTop = top;
    start(document.getElementById("controls"));
    start(document.getElementById("result"));
    tell();
    if (back) {
      const again = range ? document.querySelector(`input[data-for="${CSS.escape(back)}"]`) : document.getElementById(back);
      if (again) again.focus({ preventScroll: true });
    }
  } catch (problem) {
    const error = document.getElementById("error");
    error.textContent = `The page could not be updated: ${problem.message}`;
    error.hidden = false;
  } finally {
    if (mine === latest) busy(false);
  }
}

function replace(part, fresh) {
  const next = fresh.getElementById(part);
  const old = document.getElementById(part);
  if (part === "error") { old.textContent = next.textContent; old.hidden = next.hidden; } else old.replaceWith(next);
}

// Trials: one at a time, the newest next.
let waiting = null;
let trying = false;

async function tryOut(form) {
  waiting = form;
  if (trying) return;
  trying = true;
  while (waiting) {
    const mine = latest;
    const query = new URLSearchParams(new FormData(waiting));
    query.set("branch", new URL(waiting.action).searchParams.get("branch") || "");
    waiting = null;
    try {
      const answer = await fetch(`/try?${query}`);
      if (mine !== latest || !answer.ok) continue;
      const fresh = await page(answer);
      if (mine !== latest) continue;
      replace("result", fresh);
      start(document.getElementById("result"));
    } catch { /* the change itself will tell */ }
  }
  trying = false;
}

async function load(part) {
  const mine = latest;
  if ("later" in part.dataset) {
    await new Promise((done) => setTimeout(done, LATER_MS));
    if (!part.isConnected) return;
  }
  const answer = await fetch(part.dataset.load);
  if (!answer.ok || mine !== latest) return;
  const whole = await page(answer);
  const fresh = whole.getElementById(part.id);
  if (!fresh || !part.isConnected || mine !== latest) return;
  part.replaceWith(fresh);
  const [known, more] = [document, whole].map((d) => d.getElementById("sources"));
  if (more && known && more.querySelectorAll("li").length > known.querySelectorAll("li").length) known.replaceWith(more);
}

// A question under way: its plans so far, until the page with the answer is there.
async function follow(part) {
  for (;;) {
    let fresh;
    try {
      fresh = await page(await fetch(part.dataset.follow));
    } catch (problem) {
      const error = document.getElementById("error");
      error.textContent = `The page could not be reached: ${problem.message}`;
      error.hidden = false;
      return;
    }
    if (!fresh.getElementById("asking")) { location.replace(part.dataset.follow); return; }
    for (const name of ["spent", "found"]) document.getElementById(name).replaceWith(fresh.getElementById(name));
  }
}

function start(root) {
  fields(root);
  for (const form of root.querySelectorAll("form[data-live]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
  }
  for (const form of root.querySelectorAll("form[data-busy]")) form.addEventListener("submit", () => busy(true));
  for (const list of root.querySelectorAll("select[data-go]")) list.addEventListener("change", () => list.form.submit());
  for (const part of root.querySelectorAll("[data-load]")) load(part);
  for (const part of root.querySelectorAll("[data-follow]")) follow(part);
}

start(document);
