"""What snakemake's logger tells, as JSON lines through a pipe: a logger plug-in of the driver's own process.

It is registered by `scarena.cli.driver`, not installed: snakemake alone has its own log, and so has every job of a
cluster. The reader is `scarena.cli.run_events`.
"""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.settings import LogHandlerSettingsBase

NAME = "scarena"
# What snakemake says in words alone, and a person is to read.
_WORDS = ("Nothing to be done", "Terminating processes")
Json = dict[str, Any]


@dataclass
class LogHandlerSettings(LogHandlerSettingsBase):
    """Where to."""

    events: int | None = field(default=None, metadata={"help": "descriptor of a pipe", "type": int, "required": True})


class LogHandler(LogHandlerBase):
    """Writes what a run's progress is made of; never fails, since the run goes on without whoever reads it."""

    def __post_init__(self) -> None:
        """Keep the pipe from the steps, which would hold it open."""
        assert isinstance(self.settings, LogHandlerSettings) and self.settings.events is not None
        self._pipe: int | None = self.settings.events
        os.set_inheritable(self._pipe, False)

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record as a line, if it is one of those that count."""
        if self._pipe is None or (told := event_of(record)) is None:
            return
        line = f"{json.dumps(told)}\n".encode()
        try:
            while line:
                line = line[os.write(self._pipe, line) :]
        except OSError:
            # Who asked for the run is gone.
            self.close()

    def close(self) -> None:
        """Close the pipe."""
        if self._pipe is not None:
            with suppress(OSError):
                os.close(self._pipe)
            self._pipe = None
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """Return whether snakemake's own log is to be left out: it is not."""
        return False

    @property
    def writes_to_file(self) -> bool:
        """Return whether it is a log of its own."""
        return False

    @property
    def has_filter(self) -> bool:
        """Return whether it chooses by itself what to write."""
        return True

    @property
    def has_formatter(self) -> bool:
        """Return whether it says things its own way."""
        return True

    @property
    def needs_rulegraph(self) -> bool:
        """Return whether it wants to know which rule needs which."""
        return False


def event_of(record: logging.LogRecord) -> Json | None:
    """Return what a record tells of a run, None for most."""
    event, told, at = getattr(record, "event", None), record.__dict__, {"at": record.created}
    if event == LogEvent.RUN_INFO:
        return {"event": "plan", "steps": {rule: int(n) for rule, n in told["stats"].items() if rule != "total"}, **at}
    if event == LogEvent.JOB_INFO:
        names = dict(told["wildcards"] or {})
        who = {"job": told["jobid"], "rule": told["rule_name"], "names": names, "files": list(told["output"] or [])}
        return {"event": "began", **who, **at}
    if event == LogEvent.JOB_FINISHED:
        return {"event": "ended", "job": told["job_id"], **at}
    if event == LogEvent.JOB_ERROR:
        return {
            "event": "broke",
            "job": told["jobid"],
            "rule": told["rule_name"],
            "logs": list(told["log"] or []),
            **at,
        }
    words = record.getMessage()
    if record.levelno >= logging.ERROR and event in (None, LogEvent.ERROR):
        return {"event": "said", "words": words, **at}
    return {"event": "said", "words": words, **at} if event is None and words.startswith(_WORDS) else None
