"""The step `prepare`: the canonical h5ad of a pulled dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scarena.base.files import write_json
from scarena.steps.config import BoardConfig
from scarena.steps.states import read_state
from scarena.steps.watched import in_child, verdict_of


def prepare_step(dataset: str, sources: Path, out: Path, config: BoardConfig) -> dict[str, Any]:
    """Make the canonical h5ad beside `out` (dataset.json), which says what is in it or why there is none."""
    upstream = read_state(sources)
    if upstream["state"] != "ok":
        answer = {"dataset": dataset, "state": upstream["state"], "reason": upstream["reason"]}
    else:
        h5ad = out.with_suffix(".h5ad")
        spec = {"dataset": dataset, "cards": str(config.user_cards), "cache": str(config.cache), "h5ad": str(h5ad)}
        outcome, reply = in_child(
            "scarena.steps.child.prepare:prepare", {**spec, "ontology": config.ontology}, out, config
        )
        state, reason = verdict_of(outcome, reply, out.with_suffix(".log"))
        cost = outcome.cost.model_dump()
        answer = {"dataset": dataset, "state": state, "reason": reason, "cost": cost, **reply.get("ok", {})}
    write_json(out, answer)
    return answer
