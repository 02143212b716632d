"use strict";
// Sorting: a click orders by the column, best first; rows without a value stay last in both directions.
for (const header of document.querySelectorAll("table.board thead th[data-better]")) {
  header.querySelector("button").addEventListener("click", () => {
    const table = header.closest("table"), column = header.cellIndex, body = table.tBodies[0];
    const first = header.dataset.better === "lower" ? "ascending" : "descending";
    const other = first === "ascending" ? "descending" : "ascending";
    const next = header.getAttribute("aria-sort") === first ? other : first;
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", next);
    const sign = next === "ascending" ? 1 : -1;
    const compare = (a, b) => {
      const x = a.cells[column].dataset.sort, y = b.cells[column].dataset.sort;
      if (x === "" || y === "") return (x === "") - (y === "");
      if (header.dataset.better === "text") return sign * x.localeCompare(y);
      return sign * (Number(x) - Number(y));
    };
    for (const row of [...body.rows].sort(compare)) body.append(row);
  });
}
for (const tab of document.querySelectorAll(".tabs button")) {
  tab.addEventListener("click", () => {
    const group = tab.closest(".tabs");
    for (const each of group.querySelectorAll("button")) {
      const mine = each === tab;
      each.setAttribute("aria-selected", mine);
      document.getElementById(each.getAttribute("aria-controls")).hidden = !mine;
    }
    window.dispatchEvent(new Event("resize"));
  });
}
