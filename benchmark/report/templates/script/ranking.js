import { all, between, data, element, shown } from "./data.js";
import { datasetsOf, isAllData, isShown } from "./filter.js";
import { TOTAL, countingFor, metricOf, overDatasets, setPlaces, weighted } from "./standing.js";
import { placeRows } from "./table.js";

const ranking = document.getElementById("ranking");
const answer = document.getElementById("answer");
const rows = new Map(all("tr[data-model]", ranking).map((row) => [row.dataset.model, row]));
const shipped = new Map([...rows].map(([name, row]) => [name, row.innerHTML]));
const order = [...rows.keys()];
const COLUMNS = 2; // what stands before the metrics

export function standings(choice) {
  const datasets = datasetsOf(choice);
  const single = metricOf(choice.weights), own = single >= 0;
  const needed = own ? [data.metrics[single]] : data.weighed.filter((metric) => choice.weights[metric] > 0);
  const wanted = needed.length ? countingFor(needed, datasets) : [];
  const scoreOf = own ? (scores) => scores[single] : (scores) => weighted(scores, choice.weights);
  const counting = data.metrics.slice(0, data.ranking).map((metric) => countingFor([metric], datasets));
  const found = data.models.map((model) => ({
    model, of: wanted.length, ...overDatasets(model, wanted, scoreOf),
    others: counting.map((some, index) => overDatasets(model, some, (scores) => scores[index])),
  }));
  const ranked = found.filter((row) => row.model.family !== "control" && row.of > 0 && row.covered === row.of);
  setPlaces(ranked, own ? data.better[single] : "higher");
  // A sum of one's own stands in the column of the total.
  const isSum = (index) => index === TOTAL && !own;
  const asked = counting.map((some, index) => (isSum(index) ? wanted.length : some.length));
  return { found, ranked, datasets: datasets.map((index) => data.datasets[index].name), wanted, asked, isSum };
}

const valueOf = (row) => (row.score ? row.score[0] : -Infinity);

// Rounded as in what was there before the script.
export const shadeOf = (heat) => (heat === null ? "" : "h" + Math.floor(Number(heat.toFixed(2)) * 9.99));

export function writeCell(cell, score, heat, asked) {
  cell.className = shadeOf(heat);
  cell.dataset.sort = score ? score[0] : "";
  // Where other models have a value and this one has none, its runs failed or could not be had.
  cell.textContent = score ? shown(score[0]) : asked ? "–" : "n/a";
  cell.title = score ? "" : asked ? "no run of it here has a value: see Datasets" : "means nothing on these data";
  if (score && score[1] !== null) cell.append(element("span", { class: "interval" }, between(score)));
}

export function shades(found, pick, better) {
  const values = found.filter((row) => row.model.family !== "control" && pick(row)).map((row) => pick(row)[0]);
  const low = Math.min(...values), high = Math.max(...values);
  return (score) => {
    if (!score || high <= low) return null;
    const share = Math.min(1, Math.max(0, (score[0] - low) / (high - low)));
    return better === "lower" ? 1 - share : share;
  };
}

function writeRanking(result) {
  const means = data.metrics.slice(0, data.ranking).map((_, index) => (row) => (result.isSum(index) ? row : row.others[index]));
  // A mean over part of the datasets has no colour: it may lie above all others and say nothing of them.
  const picks = means.map((mine, index) => (row) => (mine(row).covered < result.asked[index] ? null : mine(row).score));
  const isOut = (index) => data.gated.includes(index) && !result.isSum(index);
  const heats = picks.map((pick, index) => (isOut(index) ? () => null : shades(result.found, pick, data.better[index])));
  for (const row of result.found) {
    const cells = rows.get(row.model.name).cells;
    cells[1].textContent = !row.rank ? "–" : row.rank[0] === row.rank[1] ? row.rank[0] : row.rank.join("–");
    cells[1].dataset.sort = row.rank ? (row.rank[0] + row.rank[1]) / 2 : "";
    cells[1].title = "range of ranks by intervals that do not overlap";
    means.forEach((mine, index) => {
      writeCell(cells[COLUMNS + index], mine(row).score, heats[index](picks[index](row)), result.asked[index]);
      if (isOut(index) && mine(row).score) cells[COLUMNS + index].className = "gated";
    });
    cells[cells.length - 1].textContent = `${row.covered}/${row.of}`;
    cells[cells.length - 1].dataset.sort = row.covered;
  }
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

/** Rank again where data or weights are others than the board's, and say how the best of those shown stand. */
export function rank(choice) {
  const own = metricOf(choice.weights) === data.headline && isAllData(choice);
  for (const [name, row] of rows) row.innerHTML = shipped.get(name);
  const result = standings(choice);
  if (own) placeRows(order, ranking, rows);
  else {
    writeRanking(result);
    const rest = result.found.filter((row) => !row.rank).toSorted((a, b) => valueOf(b) - valueOf(a));
    placeRows([...result.ranked, ...rest].map((row) => row.model.name), ranking, rows);
  }
  const plain = own && data.models.every((model) => isShown(model, choice));
  answer.textContent = plain ? "" : sentence(result, choice);
}
