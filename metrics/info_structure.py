"""What the board says of the metrics that compare an embedding with the space it came from, or look at it alone."""

from __future__ import annotations

from scarena.metrics.info import MetricInfo

INFO: tuple[MetricInfo, ...] = ()
