"""`scarena run`: snakemake with what a person would otherwise have to know (unlock, resume, keep going, exit codes)."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from getpass import getuser
from pathlib import Path

import yaml

from scarena import WORKFLOW
from scarena.base.errors import ConfigError, DataError, WorkspaceError
from scarena.base.files import check_output, user_cache
from scarena.base.shipped import shipped
from scarena.base.untrusted import read_object
from scarena.board.file import read_board
from scarena.board.make import shortfalls
from scarena.board.ranked import plain
from scarena.cli.run_driver import Driver, Ended
from scarena.steps.config import BoardConfig, datasets_of, load_config
from scarena.steps.keep_warm import Kept, kept_warm
from scarena.steps.names import check_names
from scarena.steps.pretraining import all_checkpoints, checkpoints_of, corpus_file, recipes_of
from scarena.steps.submissions import runs_of, submitted

OK, NO_BOARD, SOME_FAILED = 0, 1, 3
_SKEW_NS = 60 * 10**9
_FEW = 500


def to_be_made_again(config: BoardConfig, *, models_too: bool) -> list[Path]:
    """Return the files of steps that failed, always of sources, datasets and corpora, of models if asked; what is gone.

    snakemake has to be told: a file that says "failed" is a file to it, and a finished page hides that one is missing.
    """
    folders = [config.folder / dataset for dataset in datasets_of(config)]
    marks = [folder / name for folder in folders for name in ("sources.json", "dataset.json", "reference.json")]
    marks += [corpus_file(config, name) for name in recipes_of(config)]
    marks += sorted(config.folder.glob("environments/*.json"))
    runs = [config.folder / dataset / model / str(seed) for dataset, model, seed in runs_of(config)]
    outcomes = [run / name for run in runs for name in ("record.json", "scores.json")]
    outcomes += [folder / "manifest.json" for folder in checkpoints_of(config).values()]
    finished = (config.folder / "board.html").exists()
    gone = [mark for mark in marks + outcomes if finished and not mark.exists()]
    asked = marks + outcomes if models_too else marks
    return gone + [mark for mark in asked if mark.exists() and _is_to_be_retried(mark)]


def _is_to_be_retried(mark: Path) -> bool:
    try:
        content = read_object(mark, "state", fix="it is made again")
    except DataError:
        # Cut short, as by a full disk: made again like what failed.
        return True
    if content["state"] != "ok":
        return content["state"] != "not applicable"
    return any(score["state"] == "failed" for score in content.get("scores", {}).values())


@contextlib.contextmanager
def only_driver(config: BoardConfig) -> Iterator[int]:
    """Hold this board for one driver; yield the lock's descriptor, for snakemake to inherit.

    The kernel drops the lock when the last holder dies, however it dies, so nothing is ever left to unlock; snakemake's
    own lock files survive a kill and are not used. Its child inherits the descriptor: a driver killed alone does not
    free the board while its snakemake still runs.
    """
    config.folder.mkdir(parents=True, exist_ok=True)
    with (config.folder / ".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            fix = "wait for it, or stop it"
            raise ConfigError("another run of this board is under way", where=str(config.folder), fix=fix) from None
        yield file.fileno()


def executor_of(extra: list[str]) -> str:
    """Return the executor that snakemake's options, or the profile among them, name; ``local`` where none does."""
    # snakemake is told in words that follow or that an equals sign ties to the option.
    words = [part for word in extra for part in word.split("=", 1)]
    named = dict(itertools.pairwise(words))
    if asked := named.get("--executor", named.get("-e")):
        return asked
    given = named.get("--profile", os.environ.get("SNAKEMAKE_PROFILE"))
    if given is None:
        return "local"
    from snakemake.cli import get_profile_dir

    if (found := get_profile_dir(given)) is None:
        return "local"
    profile = yaml.safe_load(Path(found[1]).read_text(encoding="utf-8"))
    return str((profile or {}).get("executor", "local"))


def _cores(config: BoardConfig, extra: list[str]) -> int:
    """Return the CPUs to use here; on a cluster, where it bounds each job, the most that any step asks for."""
    if executor_of(extra) == "local":
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return max([config.limits.threads, *(recipe.threads for _, recipe in recipes_of(config).values())])


def bring_back(folder: Path) -> None:
    """Move files of the future to now, in their order: a clock was set back, and snakemake goes by their times.

    It would delete all that is made after them as older than what it is made of.
    """
    times = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    now = time.time_ns()
    ahead = max(times.values(), default=0) - now
    # A server's clock may be a little ahead of this machine's.
    if ahead <= _SKEW_NS:
        return
    print(f"{folder}: files are {ahead / 1e9:.0f} s ahead of the clock; their times are set back", file=sys.stderr)
    for path, stamp in times.items():
        if stamp - now > _SKEW_NS:
            os.utime(path, ns=(stamp - ahead, stamp - ahead))


def long_runs(config: BoardConfig) -> list[str]:
    """Return the records of runs that compute on a device: they take longest, so that others fill what they leave.

    None on a board of so many that their order makes no difference.
    """
    from scarena.models.registry import find_model

    known, submissions = all_checkpoints(config), set(submitted(config))
    cards = {name: find_model(name, known).card for name in config.models if name not in submissions}
    long = {name for name, card in cards.items() if card.uses_device and card.family != "control"}
    found = [str(config.folder / d / m / str(seed) / "record.json") for d, m, seed in runs_of(config) if m in long]
    return found if len(found) <= _FEW else []


def run_board(
    config_file: Path, cores: int | None, extra: list[str], *, retry_failed: bool = False, verbose: bool = False
) -> int:
    """Make a board; return 0 (all ok), 1 (no board) or 3 (board made, some cells failed, listed on stderr).

    Parameters
    ----------
    config_file
        The board's configuration.
    cores
        How many to use; all where None.
    extra
        Options of snakemake. Where it cannot read them the return is 2, and one line says why.
    retry_failed
        Whether models and scores that failed are made again.
    verbose
        Whether snakemake's own log is printed in place of a display of the progress.

    Raises
    ------
    ConfigError
        If the configuration names what does not exist; nothing has been computed then.
    """
    config_file = _found(config_file)
    config = load_config(config_file)
    check_names(config, str(config_file))
    for folder in (config.folder, config.cache):
        check_output(folder, folder=True)
    settle_home(config.cache)
    settle_user()
    command = [
        sys.executable, "-m", "scarena.cli.driver", "--snakefile", str(WORKFLOW / "Snakefile"),
        "--directory", str(Path.cwd()), "--configfile", str(config_file),
        "--cores", str(cores or _cores(config, extra)),
    ]  # fmt: skip
    # The last of these takes no values, so targets in `extra` are not read as its own.
    ways = ["--rerun-incomplete", "--keep-going", "--nolock"]
    dry_run = bool({"-n", "--dry-run", "--dryrun"} & set(extra))
    # A plan is what a dry run is asked for, and a logger of one's own is to be seen.
    plainly = verbose or dry_run or "--logger" in extra
    with only_driver(config) as lock:
        if not dry_run:
            bring_back(config.folder)
        again = to_be_made_again(config, models_too=retry_failed)
        forced = ["--forcerun", *map(str, again)] if again else []
        here = executor_of(extra) == "local" and not dry_run
        first = long_runs(config) if here else []
        forced += ["--prioritize", *first] if first else []
        with kept_warm(config, config.folder / "logs/warm.log") if here else nullcontext(Kept()) as kept:
            driver = Driver(command, [*forced, *ways, *extra], lock, kept)
            ended = driver.run() if plainly else driver.follow(config)
    if dry_run:
        return OK if ended.code == 0 else _failed(config, ended)
    return _failed(config, ended) if ended.code or not page_of(config).exists() else _made(config, ended)


def _found(config_file: Path) -> Path:
    """Return the configuration to use, saying so where it is not in this folder but one that comes with scArena."""
    found = shipped(config_file)
    if found != config_file:
        print(f"{config_file} is not in this folder: {found} is used", file=sys.stderr)
    return found


def settle_home(cache: Path) -> None:
    """Have libraries keep what they cache beside the board where the user's home cannot be written to."""
    try:
        check_output(user_cache(), folder=True)
    except (ConfigError, WorkspaceError, RuntimeError):
        os.environ["XDG_CACHE_HOME"] = str(cache.absolute() / "home")


def settle_user() -> None:
    """Give a user whom the system does not know, as one in a container, a name: snakemake asks for it, or ends."""
    try:
        getuser()
    except (KeyError, OSError):
        # OSError: from Python 3.13 on.
        os.environ["USER"] = str(os.getuid())


def page_of(config: BoardConfig) -> Path:
    """Return a board's page."""
    return config.folder / "board.html"


def _failed(config: BoardConfig, ended: Ended) -> int:
    """Say why there is no board; return the exit code."""
    wrong = ended.code == ConfigError.exit_code
    # What broke was said as it happened, unless it is snakemake itself that did.
    for line in ended.last(1) if wrong else () if ended.said else ended.last(3):
        print(line, file=sys.stderr)
    if wrong:
        return ended.code
    of_all = f"; snakemake's log is {ended.log}" if ended.log else ""
    logs = f"the steps' logs are in {config.folder / 'logs'}"
    print(f"no board: snakemake ended with exit code {ended.code}{of_all}; {logs}", file=sys.stderr)
    return NO_BOARD


def _made(config: BoardConfig, ended: Ended) -> int:
    """Say what the board says, and where it is; return the exit code."""
    from scarena.report.board_md import sentences

    board = read_board(config.folder / "board.json")
    found = [(state, plain(line)) for state, line in shortfalls(board)]
    for line in (line for _, line in found if line not in ended.said):
        print(line, file=sys.stderr)
    failed = sum(state.startswith("failed") for state, _ in found)
    if failed:
        what = f"{failed} results failed" if failed > 1 else "one result failed"
        print(f"the board is made, and {what} (see above); `--retry-failed` makes failed ones again", file=sys.stderr)
    print(*map(plain, sentences(board)), f"board: {page_of(config)}", sep="\n")
    if ended.log:
        print(f"snakemake's log: {ended.log}", file=sys.stderr)
    return SOME_FAILED if failed else OK
