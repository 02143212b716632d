// A against B: two models by dataset and by metric. An interval of their difference stands only where the board has one,
// from replicates of both on the same cells; the page has no replicates, and makes up none.
import { between, data, element, shown, signed } from "./data.js";
import { datasetsOf, form, isAllData } from "./filter.js";
import { writeScore } from "./matrix.js";
import { countingFor, overDatasets } from "./standing.js";

const NO_PAIRS = "no paired interval here";
const indexOf = (name) => data.models.findIndex((model) => model.name === name);

/** [A − B, its low end, its high end] over all datasets; undefined where the board has none. */
function paired(a, b, metric) {
  for (const [one, other, of, ...difference] of data.pairs) {
    if (of !== metric) continue;
    const [value, low, high] = difference.map((each) => each && each / 1e6);
    if (one === a && other === b) return [value, low, high];
    if (one === b && other === a) return [-value, high && -high, low && -low];
  }
  return undefined;
}

function better(difference, metric, [a, b], isOut = data.gated.includes(metric)) {
  if (isOut) return "shown, not ranked";
  const side = { higher: 1, lower: -1 }[data.better[metric]];
  if (!side || Math.abs(difference) < 5e-7) return "–";
  return side * difference > 0 ? a.title : b.title;
}

/** Both models over the datasets where both have a score, with the paired interval where it is of just these. */
function overAll(pair, metric, choice) {
  const counting = countingFor([data.metrics[metric]], datasetsOf(choice));
  const both = counting.filter((dataset) => pair.every((model) => model.scores[dataset][metric]));
  const means = pair.map((model) => overDatasets(model, both, (scores) => scores[metric]).score);
  const isWhole = isAllData(choice) && both.length === counting.length;
  const told = isWhole ? paired(...pair.map((model) => indexOf(model.name)), metric) : undefined;
  const difference = both.length ? means[0][0] - means[1][0] : null;
  return { means, both, counting, difference, interval: told && told[1] !== null && told[2] !== null ? told : null };
}

function ownIntervals(a, b) {
  if (!a || !b || [a[1], a[2], b[1], b[2]].includes(null)) return "not known: no intervals";
  return a[1] > b[2] || b[1] > a[2] ? "apart" : "overlap";
}

const intervalOf = (score) => (score && score[1] !== null ? [element("span", { class: "interval" }, between(score))] : []);
const valueCell = (score) => element("td", {}, score ? shown(score[0]) : "–", ...intervalOf(score));

function datasetRow(pair, dataset, metric) {
  const { name, title } = data.datasets[dataset];
  const row = element("tr", {}, element("th", { scope: "row" }, element("a", { href: `#dataset-${name}`, title }, name)));
  for (const model of pair) {
    row.append(element("td"));
    writeScore(row.lastChild, model, dataset, metric);
  }
  const scores = pair.map((model) => model.scores[dataset][metric]);
  const isOut = data.shut[dataset].includes(metric), difference = scores.every(Boolean) ? scores[0][0] - scores[1][0] : null;
  const texts = difference === null ? ["–", "–", "–"] : [signed(difference), better(difference, metric, pair, isOut), ownIntervals(...scores)];
  row.append(...texts.map((text) => element("td", {}, text)));
  return row;
}

function metricRow(pair, metric, choice) {
  const { means, both, counting, difference, interval } = overAll(pair, metric, choice);
  if (!both.length) return null;
  return element(
    "tr", {}, element("th", { scope: "row" }, data.titles[metric]), valueCell(means[0]), valueCell(means[1]),
    element("td", {}, signed(difference)), element("td", {}, better(difference, metric, pair)),
    element("td", {}, interval ? `${signed(interval[1])} to ${signed(interval[2])}` : NO_PAIRS), element("td", {}, `${both.length}/${counting.length}`),
  );
}

function fill(table, pair, rows) {
  const heads = table.tHead.rows[0].cells;
  pair.forEach((model, side) => { heads[1 + side].textContent = `${"AB"[side]}: ${model.title}`; });
  table.tBodies[0].replaceChildren(...rows.filter(Boolean));
}

function inWords(pair, metric, choice) {
  const [a, b] = pair, { both, counting, difference, interval } = overAll(pair, metric, choice);
  if (a === b) return "A and B are the same model: choose another.";
  if (!both.length) return `There is no dataset of this choice on which both have ${data.titles[metric]}.`;
  const over = both.length < counting.length ? `the ${both.length} of ${counting.length} datasets where both have it` : `${both.length} dataset${both.length > 1 ? "s" : ""}`;
  const value = `${data.titles[metric]} over ${over}: ${a.title} minus ${b.title} is ${signed(difference)}`;
  if (!interval) return `${value}; ${NO_PAIRS}, so whether that is more than noise is not known.`;
  const apart = interval[1] > 0 || interval[2] < 0, first = better(difference, metric, pair, false);
  const end = apart && first !== "–" ? `${first} is better beyond noise` : "statistically indistinguishable";
  return `${value}, paired 95 % interval ${signed(interval[1])} to ${signed(interval[2])}: ${end}.`;
}

export function compare(choice) {
  const pair = ["a", "b"].map((side) => data.models[indexOf(form.elements[side].value)]);
  const metric = data.metrics.indexOf(form.elements.of.value), datasets = datasetsOf(choice);
  document.getElementById("in-words").textContent = inWords(pair, metric, choice);
  const any = datasets.filter((dataset) => pair.some((model) => model.scores[dataset][metric]));
  fill(document.getElementById("versus-datasets"), pair, any.map((dataset) => datasetRow(pair, dataset, metric)));
  fill(document.getElementById("versus-metrics"), pair, data.metrics.map((_, index) => metricRow(pair, index, choice)));
}
