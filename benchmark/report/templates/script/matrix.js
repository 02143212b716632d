// Datasets against models: one metric on every dataset, in the ranking's colours.
import { all, between, data, element, shown } from "./data.js";
import { datasetsOf, form, isAllData } from "./filter.js";
import { shadeOf, shades, writeCell } from "./ranking.js";
import { standingsBy } from "./standing.js";
import { placeRows } from "./table.js";

const matrix = document.getElementById("by-dataset");
const matrixRows = new Map(all("tr[data-model]", matrix).map((row) => [row.dataset.model, row]));
const matrixShipped = new Map([...matrixRows].map(([name, row]) => [name, row.innerHTML]));
const matrixHeads = all("thead th", matrix);
const BEFORE = 2; // model, mean

/** What stands where one model has a score on one dataset, or why there is none. */
export function writeScore(cell, model, dataset, metric, heat = null) {
  const score = model.scores[dataset][metric], isOut = data.shut[dataset].includes(metric);
  const [text, reason, kind] = model.why[dataset][metric] || [];
  cell.className = score ? (isOut ? "gated" : shadeOf(heat)) : kind;
  cell.dataset.sort = score ? score[0] : "";
  cell.textContent = score ? shown(score[0]) : text;
  cell.title = score ? (isOut ? "the metric gate: this metric ranks nothing here" : "") : reason;
  if (score && score[1] !== null) cell.append(element("span", { class: "interval" }, between(score)));
}

function writeDataset(dataset, metric) {
  const pick = (row) => row.model.scores[dataset][metric];
  const better = data.better[metric], found = data.models.map((model) => ({ model }));
  const heatOf = better === "none" ? () => null : shades(found, pick, better);
  for (const model of data.models) {
    const cell = matrixRows.get(model.name).cells[BEFORE + dataset];
    writeScore(cell, model, dataset, metric, heatOf(model.scores[dataset][metric]));
  }
}

function writeMatrixMeans(standing, metric) {
  const better = data.better[metric], isOut = data.gated.includes(metric);
  const heatOf = isOut || better === "none" ? () => null : shades(standing.filter((row) => row.covered === row.of), (row) => row.score, better);
  for (const row of standing) {
    const cell = matrixRows.get(row.model.name).cells[1], part = row.covered < row.of;
    writeCell(cell, row.score, part ? null : heatOf(row.score), row.of);
    if (row.score && part) {
      cell.firstChild.textContent += ` (${Math.round(100 * row.covered / row.of)}%)`;
      cell.title = "over that share of the datasets only, so not ranked";
    }
    if (row.score && isOut) cell.className = "gated";
  }
}

/** Hide the columns of datasets that are not chosen, and of those on which no model has a value; these are named below. */
function hideColumns(metric, datasets) {
  const has = (dataset) => data.models.some((model) => model.scores[dataset][metric]);
  data.datasets.forEach((_, dataset) => {
    const hidden = !datasets.includes(dataset) || !has(dataset);
    for (const row of [{ cells: matrixHeads }, ...matrixRows.values()]) row.cells[BEFORE + dataset].hidden = hidden;
  });
  const without = datasets.filter((dataset) => !has(dataset));
  const reasonOf = (dataset) => data.models.map((model) => model.why[dataset][metric]).find(Boolean)[1];
  const told = without.flatMap((dataset, index) => [index ? ", " : " ", element("span", { title: reasonOf(dataset), tabindex: 0 }, data.datasets[dataset].name)]);
  document.getElementById("no-values").replaceChildren(...(told.length ? ["No model has a value on:", ...told] : []));
}

export function writeMatrix(choice) {
  const metric = data.metrics.indexOf(form.elements.by.value), datasets = datasetsOf(choice);
  for (const [name, row] of matrixRows) row.innerHTML = matrixShipped.get(name);
  const standing = standingsBy(metric, datasets);
  if (metric !== data.headline || !isAllData(choice)) {
    writeMatrixMeans(standing, metric);
    datasets.forEach((dataset) => writeDataset(dataset, metric));
  }
  const first = data.better[metric] === "lower" ? "lower" : "higher";
  for (const head of matrixHeads.slice(1)) head.dataset.better = first;
  hideColumns(metric, datasets);
  placeRows(standing.map((row) => row.model.name), matrix, matrixRows);
}
