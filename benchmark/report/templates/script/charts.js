// Charts: plotly is unpacked when the first of them comes near, or before the page is printed.
import { all, data, element } from "./data.js";
import { chosen, isShown } from "./filter.js";

let plotly = null;
const drawn = new Set();

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

async function loadPlotly() {
  const script = document.createElement("script");
  script.textContent = await unpack(document.getElementById("plotly").textContent.trim());
  document.head.append(script);
}

const asMarkup = (title) => title.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** Leave the points of the models that are shown; a front of others than these would say nothing. */
function thinned(traces) {
  const choice = chosen(), out = new Set(data.models.filter((model) => !isShown(model, choice)).map((model) => asMarkup(model.title)));
  if (!out.size) return traces;
  const left = traces.filter((trace) => trace.text);
  for (const trace of left) {
    const isKept = trace.text.map((title) => !out.has(title));
    const lists = [[trace, ["x", "y", "text"]], [trace.error_x, ["array", "arrayminus"]], [trace.error_y, ["array", "arrayminus"]]];
    for (const [of, keys] of lists) if (of) for (const key of keys) of[key] = of[key].filter((_, index) => isKept[index]);
  }
  return left;
}

function put(place) {
  const style = getComputedStyle(document.body), ink = style.color, line = style.getPropertyValue("--line");
  const spec = JSON.parse(document.querySelector(`script[data-chart="${place.id}"]`).textContent);
  for (const axis of ["xaxis", "yaxis"]) Object.assign(spec.layout[axis], { gridcolor: line, zerolinecolor: line, linecolor: ink });
  Object.assign(spec.layout, { font: { color: ink, family: style.fontFamily }, paper_bgcolor: style.backgroundColor });
  if (!drawn.has(place)) place.replaceChildren();
  drawn.add(place);
  return Plotly.react(place, thinned(spec.data), spec.layout, { displayModeBar: false, responsive: true });
}

async function draw(place) {
  plotly ??= loadPlotly();
  await plotly;
  await put(place);
}

export const redraw = () => drawn.forEach(put);

function addSaving(place) {
  const saving = element("p", { class: "saving small" });
  for (const format of ["png", "svg"]) {
    const button = element("button", {}, `Save as ${format.toUpperCase()}`);
    button.addEventListener("click", async () => {
      await draw(place);
      await Plotly.downloadImage(place, { format, filename: place.id, width: 900, height: 500, scale: format === "png" ? 2 : 1 });
    });
    saving.append(button, " ");
  }
  place.after(saving);
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    watcher.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "300px" });
for (const place of all(".chart")) {
  addSaving(place);
  watcher.observe(place);
}

// Nobody waits for what is drawn once printing has begun, so the library is there before.
if (all(".chart").length) (window.requestIdleCallback || setTimeout)(() => { plotly ??= loadPlotly(); });
let folded = [];
window.addEventListener("beforeprint", () => {
  folded = all("details:not([open])");
  for (const each of folded) each.open = true;
  if (window.Plotly) for (const place of all(".chart")) put(place);
});
window.addEventListener("afterprint", () => { for (const each of folded) each.open = false; });
