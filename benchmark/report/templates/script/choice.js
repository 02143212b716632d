// The choice in the address: #tissue=blood&bio=0.5, beside a place: &at=dataset-kang. Every link and every click keep it.
import { all, data } from "./data.js";
import { redraw } from "./charts.js";
import { compare } from "./compare.js";
import { chosen, form, hideOthers } from "./filter.js";
import { writeMatrix } from "./matrix.js";
import { rank } from "./ranking.js";
import { sameWeights } from "./standing.js";
import { rankTasks } from "./tasks.js";
import { highlight } from "./umaps.js";

const families = all("input[name=family]", form);
const fields = [...form.elements].filter((field) => field.name && field.name !== "task" && field.name !== "family");
let at = ""; // where the reader is

const defaultOf = (field) => (field.options ? [...field.options].find((option) => option.defaultSelected) || field.options[0] : field);
const isDefault = (field) => field.value === (field.options ? defaultOf(field).value : field.defaultValue);

function remember() {
  const parts = new URLSearchParams();
  for (const field of fields) if (!isDefault(field)) parts.set(field.name, field.value);
  const off = families.filter((box) => !box.checked).map((box) => box.value);
  if (off.length) parts.set("without", off.join(","));
  const bare = at ? `#${at}` : location.pathname + location.search, isBare = !parts.size;
  if (at) parts.set("at", at);
  history.replaceState(null, "", isBare ? bare : `#${parts}`);
}

const hasOption = (field, value) => [...field.options].some((option) => option.value === value);
const accepts = (field, value) => (field.options ? hasOption(field, value) : field.type !== "range" || Number.isFinite(Number(value)));

function recall() {
  const text = location.hash.slice(1), isPlace = text !== "" && !text.includes("=");
  const parts = new URLSearchParams(isPlace ? "" : text);
  at = isPlace ? text : parts.get("at") || "";
  // A link within the page names a place alone: it leads there, and leaves the choice as it is.
  if (!isPlace) {
    form.reset();
    for (const field of fields) if (parts.has(field.name) && accepts(field, parts.get(field.name))) field.value = parts.get(field.name);
    const off = (parts.get("without") || "").split(",");
    for (const box of families) box.checked = !off.includes(box.value);
  }
  show();
  goTo(at);
  if (isPlace && document.getElementById(at)) remember();
}

function show() {
  for (const metric of data.weighed) form.elements[metric].nextElementSibling.textContent = Number(form.elements[metric].value).toFixed(2);
  const choice = chosen();
  form.elements.task.value = Object.keys(data.tasks).find((task) => sameWeights(choice.weights, data.tasks[task])) || "";
  rank(choice);
  rankTasks(choice);
  writeMatrix(choice);
  compare(choice);
  hideOthers(choice);
  highlight();
  redraw();
}

function goTo(id) {
  const place = id && document.getElementById(id);
  for (const each of all(".at")) each.classList.remove("at");
  if (!place) return;
  place.classList.add("at");
  for (let part = place; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  place.scrollIntoView();
}

document.addEventListener("input", (event) => {
  if (event.target.form !== form) return;
  const task = data.tasks[form.elements.task.value];
  if (event.target.name === "task" && task) for (const metric of data.weighed) form.elements[metric].value = task[metric];
  show();
  remember();
});
form.addEventListener("reset", () => setTimeout(() => { at = ""; show(); remember(); }));
document.addEventListener("click", (event) => {
  const part = event.target.closest("summary")?.parentElement;
  if (!part?.id) return;
  at = part.open ? "" : part.id;
  remember();
});
form.addEventListener("submit", (event) => event.preventDefault());
window.addEventListener("hashchange", recall);
document.documentElement.className = "scripted";
form.hidden = false;
recall();
