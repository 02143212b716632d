// Hover texts of the page's own, for the mouse, a finger and the keyboard: arrow keys go from cell to cell of a table.
import { all, element } from "./data.js";

const tip = element("div", { id: "tip", role: "tooltip", hidden: "hidden" });
document.body.append(tip);
let told = null;

function hideTip() {
  tip.hidden = true;
  told?.removeAttribute("aria-describedby");
  told = null;
}

function showTip(target) {
  const place = target.closest?.("[title], [data-tip]");
  if (place === told) return;
  hideTip();
  if (!place) return;
  // The browser's own hover text would stand beside it.
  if (place.title) place.dataset.tip = place.title;
  place.removeAttribute("title");
  if (!place.dataset.tip) return;
  told = place;
  tip.textContent = place.dataset.tip;
  tip.hidden = false;
  place.setAttribute("aria-describedby", "tip");
  const box = place.getBoundingClientRect(), below = box.bottom + 6;
  const over = below + tip.offsetHeight > innerHeight && box.top > tip.offsetHeight + 6;
  tip.style.top = `${over ? box.top - tip.offsetHeight - 6 : below}px`;
  tip.style.left = `${Math.max(6, Math.min(box.left, innerWidth - tip.offsetWidth - 6))}px`;
}

document.addEventListener("pointerover", (event) => showTip(event.target));
document.addEventListener("focusin", (event) => showTip(event.target));
document.addEventListener("focusout", hideTip);
document.addEventListener("scroll", hideTip, { capture: true, passive: true });

const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** The next cell in a direction that is not hidden. */
function neighbour(cell, [down, right]) {
  const rows = [...cell.closest("table").rows].filter((row) => !row.hidden);
  if (down) return rows[rows.indexOf(cell.parentElement) + down]?.cells[cell.cellIndex];
  const cells = [...cell.parentElement.cells].filter((each) => !each.hidden);
  return cells[cells.indexOf(cell) + right];
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
  const step = STEPS[event.key], region = event.target.matches(".scroll");
  const cell = region ? null : event.target.closest("table.board td, table.board th");
  if (!step || (!cell && !(region && event.key === "ArrowDown"))) return;
  const next = region ? all("tbody tr:not([hidden]) td:not([hidden])", event.target)[0] : neighbour(cell, step);
  const place = next?.querySelector("button, a") || next;
  if (!place) return;
  event.preventDefault();
  if (place === next) place.tabIndex = -1;
  place.focus();
});
