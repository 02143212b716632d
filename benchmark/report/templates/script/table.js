// Sorting: best first; rows without a value stay last in both directions, controls stay below the models.
import { all } from "./data.js";

const sortKey = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();

export function sortTable(header, direction) {
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

export function placeRows(names, table, of) {
  for (const body of table.tBodies) {
    const mine = names.map((name) => of.get(name)).filter((row) => row.parentElement === body);
    body.append(...mine);
  }
  for (const header of all("th[aria-sort]", table)) header.removeAttribute("aria-sort");
}
