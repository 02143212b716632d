// Means over the chosen datasets of a weighted mean of scores, with cautious intervals; no element of the page.
import { data } from "./data.js";

export const TOTAL = data.metrics.indexOf("total");

const sumOf = (weights) => data.weighed.reduce((total, metric) => total + weights[metric], 0);

export function sameWeights(weights, others) {
  // What counts is their ratio.
  const [mine, theirs] = [sumOf(weights), sumOf(others)];
  return mine > 0 && data.weighed.every((metric) => Math.abs(weights[metric] / mine - others[metric] / theirs) < 1e-9);
}

export function weighted(scores, weights) {
  // [value, low, high] of one model on one dataset. Each end moves by no more than the weighted sum of the parts'.
  const parts = data.weighed.filter((metric) => weights[metric] > 0);
  const whole = parts.reduce((sum, metric) => sum + weights[metric], 0);
  const found = [0, 0, 0];
  for (const metric of parts) {
    const score = scores[data.metrics.indexOf(metric)];
    if (!score) return null;
    const added = (end) => (score[end] === null || found[end] === null ? null : found[end] + (weights[metric] / whole) * score[end]);
    for (const end of [0, 1, 2]) found[end] = added(end);
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

export function overDatasets(model, wanted, scoreOf) {
  const scores = wanted.map((dataset) => scoreOf(model.scores[dataset])).filter((score) => score !== null);
  return { covered: scores.length, score: scores.length ? mean(scores) : null };
}

export const countingFor = (metrics, datasets) =>
  datasets.filter((dataset) => metrics.every((metric) => data.counting[data.metrics.indexOf(metric)].includes(dataset)));

/** Put rows in order, best first, each with the range of ranks that intervals which do not overlap leave it. */
export function setPlaces(ranked, better = "higher") {
  const sign = better === "lower" ? -1 : 1, [under, over] = sign > 0 ? [1, 2] : [2, 1];
  const ahead = (one, other) => sign * one.score[under] > sign * other.score[over];
  ranked.sort((a, b) => sign * (b.score[0] - a.score[0]));
  for (const row of ranked) {
    const others = ranked.filter((other) => other !== row && other.score[1] !== null && row.score[1] !== null);
    row.rank = [1 + others.filter((other) => ahead(other, row)).length, ranked.length - others.filter((other) => ahead(row, other)).length];
  }
}

/** The metric that some weights are by themselves, whose own interval is sharper than that of a sum; −1 for none. */
export function metricOf(weights) {
  if (!data.weighed.length || sameWeights(weights, data.default)) return data.headline;
  return data.tasks.integration && sameWeights(weights, data.tasks.integration) ? TOTAL : -1;
}

export const isComplete = (row) => row.model.family !== "control" && row.of > 0 && row.covered === row.of;

/** How every model stands by one metric on some datasets, the ranked ones first. */
export function standingsBy(metric, datasets) {
  const counting = countingFor([data.metrics[metric]], datasets);
  const found = data.models.map((model) => ({ model, of: counting.length, ...overDatasets(model, counting, (scores) => scores[metric]) }));
  const ranked = found.filter(isComplete);
  if (!data.gated.includes(metric) && data.better[metric] !== "none") setPlaces(ranked, data.better[metric]);
  return [...ranked, ...found.filter((row) => !isComplete(row))];
}
