// What a reader chose, and which models and datasets that leaves.
import { all, data } from "./data.js";

export const form = document.getElementById("choice");
const fieldOf = (name) => form.elements[name].value;
const wordsOf = (name) => fieldOf(name).toLowerCase().split(",").map((word) => word.trim()).filter(Boolean);
const named = (words, ...texts) => !words.length || words.some((word) => texts.some((text) => text.toLowerCase().includes(word)));

export function chosen() {
  const weights = Object.fromEntries(data.weighed.map((metric) => [metric, Number(fieldOf(metric))]));
  const families = all("input[name=family]:checked", form).map((box) => box.value);
  const plain = Object.fromEntries(["use", "tissue", "terms", "origin", "trained", "size", "licence"].map((name) => [name, fieldOf(name)]));
  return { ...plain, weights, families, models: wordsOf("models"), sets: wordsOf("sets") };
}

export const isAllData = (choice) => !choice.tissue && !choice.terms && !choice.sets.length;

export function datasetsOf(choice) {
  const isWanted = (dataset) => (!choice.tissue || dataset.tissue === choice.tissue)
    && (!choice.terms || dataset.licence === choice.terms) && named(choice.sets, dataset.name, dataset.title);
  return data.datasets.flatMap((dataset, index) => (isWanted(dataset) ? [index] : []));
}

/** Whether a model may have known the datasets of a choice: "clean" leaves out those of which that is not known. */
function isClean(model, choice) {
  const datasets = datasetsOf(choice), none = (some) => !some.some((index) => datasets.includes(index));
  return !choice.trained || (none(model.seen) && (choice.trained !== "clean" || none(model.unknown)));
}

function isOfSize(model, size) {
  if (!size || size === "none") return !size || !model.parameters;
  const [least, most] = size.split("-").map(Number);
  return model.parameters > least && (!most || model.parameters <= most);
}

export function isShown(model, choice) {
  if (!choice.families.includes(model.family) || !named(choice.models, model.title, model.name)) return false;
  if (choice.licence && model.licence !== choice.licence) return false;
  if (choice.origin && model.origin !== choice.origin) return false;
  if (model.family === "control") return true;
  const asIs = ["zero-shot", "frozen"].includes(model.use);
  return (!choice.use || (choice.use === "as-is") === asIs) && isOfSize(model, choice.size) && isClean(model, choice);
}

/** Hide everywhere what the choice leaves out: rows, parts and pictures say which model and which dataset they are of. */
export function hideOthers(choice) {
  const out = new Set(), sets = datasetsOf(choice);
  for (const model of data.models) if (!isShown(model, choice)) out.add(`m:${model.name}`).add(`t:${model.title}`);
  data.datasets.forEach((dataset, index) => { if (!sets.includes(index)) out.add(`d:${dataset.name}`); });
  for (const each of all("[data-model], [data-dataset], [data-titled]")) {
    const { model, dataset, titled, against } = each.dataset;
    each.hidden = [`m:${model}`, `d:${dataset}`, `t:${titled}`, `t:${against}`].some((name) => out.has(name));
  }
  const models = data.models.filter((model) => isShown(model, choice)).length;
  const said = `Shown: ${models} of ${data.models.length} models and controls, ${sets.length} of ${data.datasets.length} datasets.`;
  document.getElementById("left").textContent = out.size ? said : "";
}
