"""Snakemake's own command, but for one default that a board of thousands of jobs does not survive.

Snakemake lets 100 jobs begin in a second and, with any such limit, looks for work again when that second is over. Every
job that ends starts one more chain of these looks, each with a thread of its own, and none of them ever ends
(snakemake issue 3804; 9.27): at the four hundredth job the driver takes most of a core, at some ten thousand it has as
many threads and dies. Without a limit it looks when a job ends, which is when there is something new to see. How many
run at once is still what ``--cores`` and ``--jobs`` say; a limit that somebody asks for is kept.
"""

from __future__ import annotations

import sys
from typing import Any

_DEFAULT = (100, 1.0)


def main(argv: list[str] | None = None) -> int:
    """Run snakemake with the arguments of its command line; return its exit code, 0 or 1."""
    from snakemake.cli import args_to_api, parse_args
    from snakemake.exceptions import print_exception

    try:
        parser, args = parse_args(argv)
        args.max_jobs_per_timespan = _asked(args.max_jobs_per_timespan)
        return 0 if args_to_api(args, parser) else 1
    except Exception as error:  # noqa: BLE001 - as its own command does, which says them in its own words
        print_exception(error)
        return 1


def _asked(limit: Any) -> Any:
    """Return a limit of jobs begun in a time, None where it is only the default."""
    return None if (limit.max_jobs, float(limit.timespan)) == _DEFAULT else limit


if __name__ == "__main__":
    sys.exit(main())
