// The tables of tasks: of a tissue each column of means is made again, whatever the weights are. A head names the
// metric that its column is the mean of, or the one dataset that it is of; the table the metric that orders its rows.
import { all, data, element, shown } from "./data.js";
import { datasetsOf, isAllData } from "./filter.js";
import { writeCell } from "./ranking.js";
import { standingsBy } from "./standing.js";
import { placeRows } from "./table.js";

const taskTables = all("table.again").map((table) => {
  const of = new Map(all("tr[data-model]", table).map((row) => [row.dataset.model, row]));
  const heads = all("thead th", table);
  return { table, of, heads, shipped: new Map([...of].map(([name, row]) => [name, row.innerHTML])), order: [...of.keys()] };
});

function writeMean(cell, row, head) {
  writeCell(cell, row.score, null, row.of);
  if (row.score && "signed" in head.dataset && row.score[0] >= 0) cell.firstChild.textContent = `+${shown(row.score[0])}`;
  if (row.score && row.covered < row.of) cell.firstChild.textContent += ` (${Math.round(100 * row.covered / row.of)}%)`;
  if (row.score && data.gated.includes(Number(head.dataset.metric))) cell.className = "gated";
  if (!row.rank) return;
  const places = `rank ${row.rank[0] === row.rank[1] ? row.rank[0] : row.rank.join("–")}`;
  const value = element(row.rank[0] === 1 ? "strong" : "span", {}, shown(row.score[0]));
  cell.firstChild.replaceWith(value, element("span", { class: "place" }, places));
  cell.title = "range of ranks by intervals that do not overlap";
}

function rankAgain(part, choice) {
  for (const [name, row] of part.of) row.innerHTML = part.shipped.get(name);
  for (const head of part.heads) head.hidden = false;
  if (isAllData(choice)) return placeRows(part.order, part.table, part.of);
  const datasets = datasetsOf(choice);
  for (const head of part.heads) {
    const cellOf = (row) => row.cells[head.cellIndex], means = head.dataset.metric ? standingsBy(Number(head.dataset.metric), datasets) : [];
    for (const row of means) writeMean(cellOf(part.of.get(row.model.name)), row, head);
    if (head.dataset.of && !datasets.includes(Number(head.dataset.of))) for (const row of [{ cells: part.heads }, ...part.of.values()]) cellOf(row).hidden = true;
  }
  placeRows(standingsBy(Number(part.table.dataset.order), datasets).map((row) => row.model.name), part.table, part.of);
}

export const rankTasks = (choice) => taskTables.forEach((part) => rankAgain(part, choice));
