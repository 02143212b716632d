"use strict";
// The page is whole without this script. It sorts tables, ranks again for other data or weights, keeps the choice in
// the address, and draws the charts. Nothing is fetched.

const data = JSON.parse(document.getElementById("data").textContent);
// Scores come in millionths, the ends of their intervals as distances; 0 stands for none.
const unpacked = (score) => score && [score[0], ...score.slice(1).map((end) => end !== null && score[0] + end)].map(
  (value) => (value === false ? null : value / 1e6),
);
for (const model of data.models) model.scores = model.scores.map((row) => row.map((score) => unpacked(score) || null));
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// ---- sorting: best first; rows without a value stay last in both directions, controls stay below the models.

function sortKey(row, column) {
  const cell = row.cells[column], told = cell.dataset.sort;
  return told === undefined ? cell.textContent.trim() : told;
}

function sortTable(header, direction) {
  const table = header.closest("table"), column = header.cellIndex;
  const sign = direction === "ascending" ? 1 : -1, isText = header.dataset.better === "text";
  for (const cell of header.parentElement.cells) cell.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  for (const body of table.tBodies) {
    const keyed = [...body.rows].map((row) => [sortKey(row, column), row]);
    keyed.sort(([a], [b]) => {
      if (isText) return sign * a.localeCompare(b);
      const x = a === "" ? NaN : Number(a), y = b === "" ? NaN : Number(b);
      if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
      return sign * (x - y);
    });
    body.append(...keyed.map(([, row]) => row));
  }
}

for (const header of all("th[data-better]")) {
  header.querySelector("button").addEventListener("click", () => {
    const first = ["lower", "text"].includes(header.dataset.better) ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    sortTable(header, header.getAttribute("aria-sort") === first ? other : first);
  });
}

// ---- ranking again: the mean over the chosen datasets of a weighted mean of scores, with a cautious interval.

const form = document.getElementById("choice");
const ranking = document.getElementById("ranking");
const answer = document.getElementById("answer");
const rows = new Map(all("tr[data-model]", ranking).map((row) => [row.dataset.model, row]));
const shipped = new Map([...rows].map(([name, row]) => [name, row.innerHTML]));
const order = [...rows.keys()];
const TOTAL = data.metrics.indexOf("total");
const COLUMNS = 2; // what stands before the metrics

function chosen() {
  const weights = Object.fromEntries(data.weighed.map((metric) => [metric, Number(form.elements[metric].value)]));
  const families = all("input[name=family]:checked", form).map((box) => box.value);
  return { weights, families, use: form.elements.use.value, tissue: form.elements.tissue.value };
}

function sameWeights(weights, others) {
  // What counts is their ratio.
  const sum = (w) => data.weighed.reduce((total, metric) => total + w[metric], 0);
  return sum(weights) > 0 && data.weighed.every((m) => Math.abs(weights[m] / sum(weights) - others[m] / sum(others)) < 1e-9);
}

function weighted(scores, weights) {
  // [value, low, high] of one model on one dataset. Each end moves by no more than the weighted sum of the parts'.
  const parts = data.weighed.filter((metric) => weights[metric] > 0);
  const whole = parts.reduce((sum, metric) => sum + weights[metric], 0);
  const found = [0, 0, 0];
  for (const metric of parts) {
    const score = scores[data.metrics.indexOf(metric)];
    if (!score) return null;
    for (let end = 0; end < 3; end++) {
      found[end] = score[end] === null || found[end] === null ? null : found[end] + (weights[metric] / whole) * score[end];
    }
  }
  return found;
}

function mean(scores) {
  // Datasets are drawn apart from each other, so the squares of their half-intervals add up.
  const n = scores.length, value = scores.reduce((sum, score) => sum + score[0], 0) / n;
  const half = (end) => Math.sqrt(scores.reduce((sum, score) => sum + (score[end] - score[0]) ** 2, 0)) / n;
  const known = scores.every((score) => score[1] !== null && score[2] !== null);
  return [value, known ? value - half(1) : null, known ? value + half(2) : null];
}

function overDatasets(model, wanted, scoreOf) {
  const scores = wanted.map((dataset) => scoreOf(model.scores[dataset])).filter((score) => score !== null);
  return { covered: scores.length, score: scores.length ? mean(scores) : null };
}

function countingFor(metrics, datasets) {
  return datasets.filter((dataset) => metrics.every((metric) => data.counting[data.metrics.indexOf(metric)].includes(dataset)));
}

/** Put rows in order, best first, each with the range of ranks that intervals which do not overlap leave it. */
function setPlaces(ranked, better = "higher") {
  const sign = better === "lower" ? -1 : 1, [under, over] = sign > 0 ? [1, 2] : [2, 1];
  const ahead = (one, other) => sign * one.score[under] > sign * other.score[over];
  ranked.sort((a, b) => sign * (b.score[0] - a.score[0]));
  for (const row of ranked) {
    const others = ranked.filter((other) => other !== row && other.score[1] !== null && row.score[1] !== null);
    row.rank = [
      1 + others.filter((other) => ahead(other, row)).length, ranked.length - others.filter((other) => ahead(row, other)).length,
    ];
  }
}

function datasetsOf(choice) {
  const isWanted = (dataset) => !choice.tissue || dataset.tissue === choice.tissue;
  return data.datasets.flatMap((dataset, index) => (isWanted(dataset) ? [index] : []));
}

/** The metric that some weights are by themselves, whose own interval is sharper than that of a sum; −1 for none. */
function metricOf(weights) {
  if (!data.weighed.length || sameWeights(weights, data.default)) return data.headline;
  return data.tasks.integration && sameWeights(weights, data.tasks.integration) ? TOTAL : -1;
}

function standings(choice) {
  const datasets = datasetsOf(choice);
  const single = metricOf(choice.weights), own = single >= 0;
  const needed = own ? [data.metrics[single]] : data.weighed.filter((metric) => choice.weights[metric] > 0);
  const wanted = needed.length ? countingFor(needed, datasets) : [];
  const scoreOf = own ? (scores) => scores[single] : (scores) => weighted(scores, choice.weights);
  const counting = data.metrics.slice(0, data.ranking).map((metric) => countingFor([metric], datasets));
  const found = data.models.map((model) => ({
    model, of: wanted.length, ...overDatasets(model, wanted, scoreOf),
    others: counting.map((some, index) => overDatasets(model, some, (scores) => scores[index]).score),
  }));
  const ranked = found.filter((row) => row.model.family !== "control" && row.of > 0 && row.covered === row.of);
  setPlaces(ranked, own ? data.better[single] : "higher");
  // A sum of one's own stands in the column of the total.
  const isSum = (index) => index === TOTAL && !own;
  const asked = counting.map((some, index) => (isSum(index) ? wanted.length : some.length));
  return { found, ranked, datasets: datasets.map((index) => data.datasets[index].name), wanted, asked, isSum };
}

const valueOf = (row) => (row.score ? row.score[0] : -Infinity);
const shown = (value) => value.toFixed(3);

function writeCell(cell, score, heat, asked) {
  cell.className = heat === null ? "" : "h" + Math.floor(heat * 9.99);
  cell.dataset.sort = score ? score[0] : "";
  // Where other models have a value and this one has none, its runs failed or could not be had.
  cell.textContent = score ? shown(score[0]) : asked ? "–" : "n/a";
  cell.title = score ? "" : asked ? "no run of it here has a value: see Datasets" : "means nothing on these data";
  if (score && score[1] !== null) {
    const interval = document.createElement("span");
    interval.className = "interval";
    interval.textContent = `${shown(score[1])} to ${shown(score[2])}`;
    cell.append(interval);
  }
}

function shades(found, pick, better) {
  const values = found.filter((row) => row.model.family !== "control" && pick(row)).map((row) => pick(row)[0]);
  const low = Math.min(...values), high = Math.max(...values);
  return (score) => {
    if (!score || high <= low) return null;
    const share = Math.min(1, Math.max(0, (score[0] - low) / (high - low)));
    return better === "lower" ? 1 - share : share;
  };
}

function writeRanking(result) {
  const picks = data.metrics.slice(0, data.ranking).map((_, index) => (result.isSum(index) ? (row) => row.score : (row) => row.others[index]));
  const isOut = (index) => data.gated.includes(index) && !result.isSum(index);
  const heats = picks.map((pick, index) => (isOut(index) ? () => null : shades(result.found, pick, data.better[index])));
  for (const row of result.found) {
    const cells = rows.get(row.model.name).cells;
    cells[1].textContent = !row.rank ? "–" : row.rank[0] === row.rank[1] ? row.rank[0] : row.rank.join("–");
    cells[1].dataset.sort = row.rank ? (row.rank[0] + row.rank[1]) / 2 : "";
    cells[1].title = "range of ranks by intervals that do not overlap";
    picks.forEach((pick, index) => {
      writeCell(cells[COLUMNS + index], pick(row), heats[index](pick(row)), result.asked[index]);
      if (isOut(index) && pick(row)) cells[COLUMNS + index].className = "gated";
    });
    const last = cells[cells.length - 1];
    last.textContent = `${row.covered}/${row.of}`;
    last.dataset.sort = row.covered;
  }
}

function placeRows(names, table = ranking, of = rows) {
  for (const body of table.tBodies) {
    const mine = names.map((name) => of.get(name)).filter((row) => row.parentElement === body);
    body.append(...mine);
  }
  for (const header of all("th[aria-sort]", table)) header.removeAttribute("aria-sort");
}

// ---- the tables of tasks: of a tissue each column of means is made again, whatever the weights are. A head names the
// metric that its column is the mean of, or the one dataset that it is of; the table the metric that orders its rows.

const taskTables = all("table.again").map((table) => {
  const of = new Map(all("tr[data-model]", table).map((row) => [row.dataset.model, row]));
  const heads = all("thead th", table);
  return { table, of, heads, shipped: new Map([...of].map(([name, row]) => [name, row.innerHTML])), order: [...of.keys()] };
});

function isComplete(row) {
  return row.model.family !== "control" && row.of > 0 && row.covered === row.of;
}

/** How every model stands by one metric on some datasets, the ranked ones first. */
function standingsBy(metric, datasets) {
  const counting = countingFor([data.metrics[metric]], datasets);
  const found = data.models.map((model) => (
    { model, of: counting.length, ...overDatasets(model, counting, (scores) => scores[metric]) }
  ));
  const ranked = found.filter(isComplete);
  if (!data.gated.includes(metric) && data.better[metric] !== "none") setPlaces(ranked, data.better[metric]);
  return [...ranked, ...found.filter((row) => !isComplete(row))];
}

function writeMean(cell, row, head) {
  writeCell(cell, row.score, null, row.of);
  if (row.score && "signed" in head.dataset && row.score[0] >= 0) cell.firstChild.textContent = `+${shown(row.score[0])}`;
  if (row.score && row.covered < row.of) cell.firstChild.textContent += ` (${Math.round(100 * row.covered / row.of)}%)`;
  if (row.score && data.gated.includes(Number(head.dataset.metric))) cell.className = "gated";
  if (!row.rank) return;
  const value = document.createElement(row.rank[0] === 1 ? "strong" : "span");
  const places = document.createElement("span");
  value.textContent = shown(row.score[0]);
  places.className = "place";
  places.textContent = `rank ${row.rank[0] === row.rank[1] ? row.rank[0] : row.rank.join("–")}`;
  cell.firstChild.replaceWith(value, places);
  cell.title = "range of ranks by intervals that do not overlap";
}

function writeMeans(part, head, datasets) {
  for (const row of standingsBy(Number(head.dataset.metric), datasets)) {
    writeMean(part.of.get(row.model.name).cells[head.cellIndex], row, head);
  }
}

function hideColumn(part, head) {
  head.hidden = true;
  for (const row of part.of.values()) row.cells[head.cellIndex].hidden = true;
}

function rankAgain(part, choice) {
  for (const [name, row] of part.of) row.innerHTML = part.shipped.get(name);
  for (const model of data.models) part.of.get(model.name).hidden = !isShown(model, choice);
  for (const head of part.heads) head.hidden = false;
  if (!choice.tissue) return placeRows(part.order, part.table, part.of);
  const datasets = datasetsOf(choice);
  for (const head of part.heads) {
    if (head.dataset.metric) writeMeans(part, head, datasets);
    if (head.dataset.of && !datasets.includes(Number(head.dataset.of))) hideColumn(part, head);
  }
  placeRows(standingsBy(Number(part.table.dataset.order), datasets).map((row) => row.model.name), part.table, part.of);
}

function isShown(model, choice) {
  if (!choice.families.includes(model.family)) return false;
  const asIs = ["zero-shot", "frozen"].includes(model.use);
  return model.family === "control" || !choice.use || (choice.use === "as-is") === asIs;
}

/** How a model stands to the best of the baselines of a choice: apart only where their intervals are. */
function beside(row, seen) {
  const base = seen.find((other) => other.model.family === "baseline");
  if (!base || row.score[1] === null || base.score[1] === null) return "";
  const [[, low, high], [, baseLow, baseHigh]] = [row.score, base.score];
  const how = high < baseLow ? "below" : low > baseHigh ? "above" : "statistically indistinguishable from";
  const among = seen.filter((other) => other.model.family === "baseline").length;
  const best = among > 1 ? `the best of ${among} baselines` : "the one baseline";
  return `, ${how} ${best}, ${base.model.title} (${shown(base.score[0])})`;
}

/** Which models of a choice are not ranked, for want of a score on some dataset that counts. */
function leftOut(result, choice) {
  const missing = result.found.filter((row) => row.model.family !== "control" && !row.rank && isShown(row.model, choice));
  const names = missing.map((row) => row.model.title), some = names.slice(0, 6);
  if (names.length > some.length) some.push(`${names.length - some.length} more`);
  return some.length ? ` Not compared, for want of a score on each: ${some.join(", ")}.` : "";
}

function sentence(result, choice) {
  if (!result.wanted.length) return "No dataset of this choice has such a score, or every weight is 0.";
  const seen = result.ranked.filter((row) => isShown(row.model, choice));
  const over = `Over ${result.wanted.length} dataset${result.wanted.length > 1 ? "s" : ""}`;
  const left = leftOut(result, choice);
  if (!seen.length) return `${over}: no model of this choice has a score on each.${left}`;
  const best = seen[0];
  if (seen.length === 1) {
    return `${over}: ${best.model.title} alone has a score on each (${shown(best.score[0])}), so it is compared with no other.${left}`;
  }
  const tied = seen.filter((row) => row !== best && row.score[2] !== null && row.score[2] >= best.score[1]);
  const unadapted = seen.filter((row) => row.model.use === "zero-shot");
  const zero = unadapted.find((row) => !row.model.twin), twin = unadapted.find((row) => row.model.twin);
  const names = tied.map((row) => row.model.title).join(", ");
  let text = `${over}: ${best.model.title} is first (${shown(best.score[0])})`;
  text += best.score[1] === null ? "; no intervals." : names ? `; statistically indistinguishable from it: ${names}.` : ", no interval reaches its own.";
  if (zero) text += ` Best zero-shot: ${zero.model.title} (${shown(zero.score[0])})${beside(zero, seen)}.`;
  if (zero && twin) text += ` Left out of this as a control: ${twin.model.title} (${shown(twin.score[0])}).`;
  return `${text}${left} Intervals of a choice of your own are cautious: wide rather than narrow.`;
}

function rank() {
  const choice = chosen();
  const own = metricOf(choice.weights) === data.headline && !choice.tissue;
  for (const [name, row] of rows) row.innerHTML = shipped.get(name);
  const result = standings(choice);
  if (own) {
    placeRows(order);
  } else {
    writeRanking(result);
    const rest = result.found.filter((row) => !row.rank).toSorted((a, b) => valueOf(b) - valueOf(a));
    placeRows([...result.ranked, ...rest].map((row) => row.model.name));
  }
  for (const model of data.models) rows.get(model.name).hidden = !isShown(model, choice);
  for (const part of taskTables) rankAgain(part, choice);
  const plain = own && !choice.use && choice.families.length === all("input[name=family]", form).length;
  answer.textContent = plain ? "" : sentence(result, choice);
}

// ---- the choice in the address: #tissue=blood&bio=0.5, beside a place: &at=dataset-kang.

function remember() {
  const parts = new URLSearchParams();
  const families = all("input[name=family]", form);
  for (const metric of data.weighed) {
    if (form.elements[metric].value !== form.elements[metric].defaultValue) parts.set(metric, form.elements[metric].value);
  }
  for (const name of ["tissue", "use"]) if (form.elements[name].value) parts.set(name, form.elements[name].value);
  const off = families.filter((box) => !box.checked).map((box) => box.value);
  if (off.length) parts.set("without", off.join(","));
  history.replaceState(null, "", parts.size ? `#${parts}` : location.pathname + location.search);
}

function recall() {
  const text = location.hash.slice(1), parts = new URLSearchParams(text.includes("=") ? text : "");
  form.reset();
  for (const metric of data.weighed) {
    const value = parts.get(metric);
    if (value !== null && Number.isFinite(Number(value))) form.elements[metric].value = value;
  }
  for (const name of ["tissue", "use"]) {
    const field = form.elements[name], value = parts.get(name);
    if (value !== null && [...field.options].some((option) => option.value === value)) field.value = value;
  }
  const off = (parts.get("without") || "").split(",");
  for (const box of all("input[name=family]", form)) box.checked = !off.includes(box.value);
  show();
  goTo(text.includes("=") ? parts.get("at") : text);
}

function show() {
  for (const metric of data.weighed) {
    form.elements[metric].nextElementSibling.textContent = Number(form.elements[metric].value).toFixed(2);
  }
  const weights = chosen().weights;
  form.elements.task.value = Object.keys(data.tasks).find((task) => sameWeights(weights, data.tasks[task])) || "";
  rank();
}

function goTo(id) {
  const place = id && document.getElementById(id);
  if (!place) return;
  for (let part = place; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
  place.scrollIntoView();
}

document.documentElement.className = "scripted";
form.hidden = false;
form.addEventListener("input", (event) => {
  const task = data.tasks[form.elements.task.value];
  if (event.target.name === "task" && task) for (const metric of data.weighed) form.elements[metric].value = task[metric];
  show();
  remember();
});
form.addEventListener("reset", () => setTimeout(() => { show(); remember(); }));
window.addEventListener("hashchange", recall);
recall();

// ---- charts: plotly is unpacked when the first of them comes near.

async function loadPlotly() {
  const packed = await unpack(document.getElementById("plotly").textContent.trim());
  const script = document.createElement("script");
  script.textContent = packed;
  document.head.append(script);
}

async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

let plotly = null;

async function draw(place) {
  plotly ??= loadPlotly();
  await plotly;
  const style = getComputedStyle(document.body), ink = style.color, line = style.getPropertyValue("--line");
  const spec = JSON.parse(document.querySelector(`script[data-chart="${place.id}"]`).textContent);
  for (const axis of ["xaxis", "yaxis"]) Object.assign(spec.layout[axis], { gridcolor: line, zerolinecolor: line, linecolor: ink });
  spec.layout.font = { color: ink, family: style.fontFamily };
  place.replaceChildren();
  await Plotly.newPlot(place, spec.data, spec.layout, { displayModeBar: false, responsive: true });
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries.filter((each) => each.isIntersecting)) {
    watcher.unobserve(entry.target);
    draw(entry.target);
  }
}, { rootMargin: "300px" });
for (const place of all(".chart")) watcher.observe(place);
