// Forms work without this file. With it, a change is sent and only the parts that changed are replaced.
"use strict";

const PARTS = ["controls", "result", "error"];

function busy(on) {
  document.body.classList.toggle("busy", on);
  document.getElementById("main").setAttribute("aria-busy", String(on));
}

function sliders(root) {
  for (const slider of root.querySelectorAll("input[type=range][data-for]")) {
    const field = document.getElementById(slider.dataset.for);
    slider.hidden = false;
    slider.addEventListener("input", () => { field.value = Number(Number(slider.value).toPrecision(4)); });
    slider.addEventListener("change", () => slider.form.requestSubmit());
    field.addEventListener("input", () => { if (field.value !== "") slider.value = field.value; });
  }
}

let latest = 0;

async function send(form) {
  const mine = ++latest;
  const focused = document.activeElement;
  const back = focused && (focused.id || focused.dataset.for);
  const range = focused && focused.type === "range";
  const open = [...document.querySelectorAll("details.group")].map((d) => d.open);
  busy(true);
  try {
    const answer = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    if (mine !== latest) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || !page.getElementById("result")) throw new Error(page.body.textContent || answer.statusText);
    for (const part of PARTS) {
      const fresh = page.getElementById(part);
      const old = document.getElementById(part);
      if (part === "error") { old.textContent = fresh.textContent; old.hidden = fresh.hidden; } else old.replaceWith(fresh);
    }
    document.querySelectorAll("details.group").forEach((d, n) => { if (n in open) d.open = open[n]; });
    start(document.getElementById("controls"));
    start(document.getElementById("result"));
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

async function load(part) {
  const mine = latest;
  const answer = await fetch(part.dataset.load);
  if (!answer.ok || mine !== latest) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("reasons");
  const old = document.getElementById("reasons");
  if (fresh && old && mine === latest) old.replaceWith(fresh);
}

function start(root) {
  sliders(root);
  for (const form of root.querySelectorAll("form[data-live]")) {
    form.addEventListener("submit", (event) => { event.preventDefault(); send(form); });
  }
  for (const form of root.querySelectorAll("form[data-busy]")) form.addEventListener("submit", () => busy(true));
  for (const list of root.querySelectorAll("select[data-go]")) list.addEventListener("change", () => list.form.submit());
  for (const part of root.querySelectorAll("[data-load]")) load(part);
}

start(document);
