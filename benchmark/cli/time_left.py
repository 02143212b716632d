"""How long a board will still take, from the steps of its kind that have ended so far; no more is claimed.

A kind is a rule, and of a rule that runs for every model, the rule and the model as soon as one of that model has
ended: until then scVI's run is taken to last as long as the others so far.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import mean

Kind = tuple[str, str]
"""Rule and model; no model where it is not known, or there is none."""


@dataclass(slots=True)
class TimeLeft:
    """What is known of the steps of one run.

    Parameters
    ----------
    left
        How many steps of each kind have not ended.
    """

    left: Counter[Kind]
    _took: defaultdict[Kind, list[float]] = field(default_factory=lambda: defaultdict(list))
    _running: dict[int, tuple[Kind, float]] = field(default_factory=dict)
    _busy: float = 0.0
    _first: float | None = None

    def begin(self, job: int, kind: Kind, at: float) -> None:
        """Count a step that has begun."""
        self._first = at if self._first is None else self._first
        self._running[job] = self._known(kind), at

    def end(self, job: int, at: float, *, usual: bool = True) -> None:
        """Count a step that has ended; what it took counts for others where it did what they do."""
        if job in self._running:
            kind, began = self._running.pop(job)
            self.left[kind] -= 1
            self._busy += max(0.0, at - began)
            if usual:
                self._took[kind].append(max(0.0, at - began))

    def stop(self, job: int) -> None:
        """Forget that a step was begun: it broke, and may be begun again."""
        self._running.pop(job, None)

    def _known(self, kind: Kind) -> Kind:
        """Return the kind under which a step is counted: of its rule alone, where it was not foreseen by model."""
        return kind if self.left[kind] > 0 else (kind[0], "")

    def seconds(self, now: float) -> tuple[float, int, int]:
        """Return the seconds left for steps of kinds of which one has ended, how many these are, and all that are left.

        As many steps are taken to run at once as did so far, on average.
        """
        left = {kind: n for kind, n in self.left.items() if n > 0}
        usual = {kind: seconds for kind in left if (seconds := self._usual(kind)) is not None}
        running = Counter(kind for kind, _ in self._running.values())
        rest = [max(0.0, usual[kind] - (now - began)) for kind, began in self._running.values() if kind in usual]
        work = sum(rest) + sum(seconds * (left[kind] - running[kind]) for kind, seconds in usual.items())
        return max([work / self._at_once(now), *rest]), sum(left[kind] for kind in usual), sum(left.values())

    def _usual(self, kind: Kind) -> float | None:
        """Return the mean time of the steps of a kind, or of all of its rule where none has ended."""
        same = self._took.get(kind) or [
            each for (rule, _), took in self._took.items() for each in took if rule == kind[0]
        ]
        return mean(same) if same else None

    def _at_once(self, now: float) -> float:
        busy = self._busy + sum(now - began for _, began in self._running.values())
        passed = now - (now if self._first is None else self._first)
        return max(1.0, busy / passed) if passed > 0 else 1.0

    def words(self, now: float) -> str:
        """Return how long it will take, as far as it is known; "" where it is not."""
        seconds, timed, left = self.seconds(now)
        if not timed:
            return ""
        return f"about {duration(seconds)} " + (f"for {timed} of the {left} steps left" if timed < left else "left")


def duration(seconds: float) -> str:
    """Return a time in words, no finer than is of use.

    Examples
    --------
    >>> duration(4), duration(80), duration(4000)
    ('10 s', '1 min', '1 h 10 min')
    """
    if seconds < 55:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    if minutes < 10:
        return f"{minutes} min"
    tens = round(minutes, -1) if minutes > 30 else minutes
    hours, rest = divmod(tens, 60)
    return f"{hours} h {rest} min" if hours and rest else f"{hours} h" if hours else f"{rest} min"


def foreseen(steps: Mapping[str, int], models: Mapping[str, list[str]]) -> Counter[Kind]:
    """Return how many steps there are of each kind.

    Parameters
    ----------
    steps
        By rule, how many steps snakemake planned.
    models
        By rule, the models of the steps that are to be made as far as files say so; they count where there are as many
        as were planned.
    """
    found: Counter[Kind] = Counter()
    for rule, n in steps.items():
        named = models.get(rule, [])
        found.update([(rule, model) for model in named] if len(named) == n else {(rule, ""): n})
    return found
