"""Snakemake's own command, but for three things that a board needs of it.

**A limit.** Snakemake lets 100 jobs begin in a second and, with any such limit, looks for work again when that second
is over. Every job that ends starts one more chain of these looks, each with a thread of its own, and none of them ever
ends (snakemake issue 3804; 9.27): at the four hundredth job the driver takes most of a core, at some ten thousand it
has as many threads and dies. Without a limit it looks when a job ends, which is when there is something new to see. How
many run at once is still what ``--cores`` and ``--jobs`` say; a limit that somebody asks for is kept.

**A logger** that tells `scarena run` what happens (`scarena.cli.driver_events`), where ``--logger scarena`` asks for
it.

**One line** for options that snakemake does not have, in place of all that it has.
"""

from __future__ import annotations

import contextlib
import io
import re
import sys
from typing import Any

from scarena.base.errors import ConfigError

_DEFAULT = (100, 1.0)
_MODULE = "snakemake_logger_plugin_scarena"


def main(argv: list[str] | None = None) -> int:
    """Run snakemake with the arguments of its command line; return its exit code: 0, 1, or 2 for wrong options."""
    from snakemake.cli import args_to_api
    from snakemake.exceptions import print_exception
    from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

    from scarena.cli import driver_events

    LoggerPluginRegistry().register_plugin(_MODULE, driver_events)
    try:
        parser, args = _parsed(argv)
        args.max_jobs_per_timespan = _asked(args.max_jobs_per_timespan)
        return 0 if args_to_api(args, parser) else 1
    except ConfigError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - as its own command does, which says them in its own words
        print_exception(error)
        return 1


def _parsed(argv: list[str] | None) -> tuple[Any, Any]:
    """Return snakemake's parser and what it reads.

    Raises
    ------
    ConfigError
        If it cannot read the arguments.
    """
    from snakemake.cli import get_argument_parser, parse_args

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            found = parse_args(argv)
    except SystemExit as ended:
        if ended.code != 2:
            raise
        words = said.getvalue().strip().rpartition(": error: ")[2]
        fix = nearest(words, re.findall(r"--[a-z][a-z0-9-]+", get_argument_parser().format_help()))
        raise ConfigError(words, where="options of snakemake", fix=fix) from None
    print(said.getvalue(), end="", file=sys.stderr)
    return found


def nearest(words: str, known: list[str]) -> str:
    """Return what to do about options that are not known: name the nearest, or where all are listed."""
    import difflib

    unknown = words.partition("unrecognized arguments: ")[2].split()
    close = [match for word in unknown for match in difflib.get_close_matches(word.split("=", 1)[0], known, 1)]
    return f"did you mean {close[0]}?" if close else "`snakemake --help` lists them"


def _asked(limit: Any) -> Any:
    """Return a limit of jobs begun in a time, None where it is only the default."""
    return None if (limit.max_jobs, float(limit.timespan)) == _DEFAULT else limit


if __name__ == "__main__":
    sys.exit(main())
