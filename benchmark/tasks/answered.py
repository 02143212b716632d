"""What tasks of a yes or no have in common that each donor answers both ways: malignant or not, treated or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from scarena.tasks.cell_task import CellTask, one_group

if TYPE_CHECKING:
    from scarena.metrics.measured import Measured, Undefined
    from scarena.metrics.probes.binary import Asked
    from scarena.tasks.cells import Cells
    from scarena.tasks.facts import Facts


class AnsweredTask(CellTask):
    """AUROC and AUPRC by donor, one donor held out at a time; the target and the metrics are called by the name."""

    untold: ClassVar[str]
    """Why a dataset without the target cannot answer."""

    def unanswerable(self, facts: Facts) -> str:
        """Return why it cannot be asked."""
        if self.name not in facts.targets:
            return self.untold
        return facts.not_identifiable.get(self.name, "") or one_group(facts)

    def measured(self, cells: Cells) -> Mapping[str, Measured | Undefined]:
        """Return AUROC and AUPRC by donor, what else a task asks, and what random folds would have claimed."""
        from scarena.metrics.measured import Measured
        from scarena.metrics.probes.binary import Asked

        of = cells.probed
        asked = Asked(of.x, of.known.targets[self.name], of.groups, seed=of.seed)
        area, precision = asked.by_group(asked.held)
        more = self.more(cells, asked)
        other = asked.by_group(asked.other_folds())[0].value
        return {
            f"{self.name}_auroc": area,
            f"{self.name}_auprc": precision,
            **more,
            f"{self.name}_random": Measured(other),
            f"{self.name}_leak": Measured(other - area.value),
        }

    def more(self, cells: Cells, asked: Asked) -> Mapping[str, Measured | Undefined]:
        """Return further metrics of a task; none where it does not say."""
        return {}
