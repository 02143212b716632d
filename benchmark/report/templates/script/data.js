// The page is whole without this script. It sorts tables, ranks again for other data or weights, sets two models side by
// side, keeps the choice in the address, and draws the charts. Nothing is fetched.

export const data = JSON.parse(document.getElementById("data").textContent);
// Scores come in millionths, the ends of their intervals as distances; where there is none stands the number of its reason.
const unpacked = (score) => [score[0], ...score.slice(1).map((end) => end !== null && score[0] + end)].map(
  (value) => (value === false ? null : value / 1e6),
);
const known = (row) => row.map((score) => (Array.isArray(score) ? unpacked(score) : null));
for (const model of data.models) {
  model.why = model.scores.map((row) => row.map((score) => (Array.isArray(score) ? null : data.reasons[score])));
  model.scores = model.scores.map(known);
}
export const all = (selector, root = document) => [...root.querySelectorAll(selector)];
// What rounds to nothing has no sign.
export const shown = (value) => (Number(value.toFixed(3)) || 0).toFixed(3);
export const signed = (value) => (Number(value.toFixed(3)) < 0 ? "−" : "+") + Math.abs(value).toFixed(3);
export const between = (score) => `${shown(score[1])} to ${shown(score[2])}`;

/** An element with its texts and elements inside; `told` are its attributes. */
export function element(tag, told = {}, ...inside) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(told)) if (value !== "") made.setAttribute(name, value);
  made.append(...inside);
  return made;
}
