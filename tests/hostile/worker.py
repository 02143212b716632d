"""Runs a group of cases in one process: each in its own folder, with limits, watched for what it opens and writes.

``python worker.py GROUP ROOT FIRST``: of the cases named in ROOT/cases.json from the FIRST one, one JSON line a case on
the file ROOT/GROUP.jsonl. What is asked of a case is
asked in processor seconds and address space, so that a busy machine changes no answer.
"""

import json
import os
import re
import resource
import signal
import sys
import traceback
from pathlib import Path

_CPU_S, _SPACE = 5.0, 1 << 30
_HERE = Path(__file__).resolve().parent
_WRITES = {"os.mkdir", "os.remove", "os.rmdir", "os.rename", "os.symlink", "os.link", "os.truncate", "os.chmod"}


class TooSlow(BaseException):
    """More processor time than a case may take."""


class Watch:
    """What Python itself opens and changes; HDF5's own library is not seen, which is what the canaries are for."""

    def __init__(self, root: Path, cache: Path) -> None:
        from scarena.steps.supervise import compiled_folder

        self.work, self.outside = root, root / "outside"
        self.readable = [
            cache,
            compiled_folder(cache),
            _HERE.parents[1],
            Path(sys.prefix),
            Path(sys.base_prefix),
            Path("/usr"),
            Path("/proc"),
        ]
        self.readable += [Path("/sys"), Path("/dev/null"), Path("/dev/urandom"), Path("/etc/mime.types"), Path("/lib")]
        # An environment may be a link; fonts are opened where it leads.
        self.readable.append(Path(sys.prefix).resolve())
        # What is compiled is kept for all boards of a user.
        self.writable = [cache, Path("/dev/null"), compiled_folder(cache)]
        self.seen: list[str] = []
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)) if flags else "r" not in (mode or "r")
            self._see(path, writes)
        elif event in _WRITES:
            for path in arguments[
                event in ("os.symlink", "os.link") : 1 + (event in ("os.rename", "os.symlink", "os.link"))
            ]:
                self._see(path, True)
        elif event in _RUNS or (event == "pickle.find_class" and not _harmless(*arguments)):
            self.seen.append(f"{event} {str(arguments)[:200]}")

    def _see(self, path: object, writes: bool) -> None:
        if not isinstance(path, str | bytes | os.PathLike):
            return
        absolute = Path(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - links are not followed
        allowed = [self.work, *(self.writable if writes else self.readable)]
        if not any(absolute.is_relative_to(each) for each in allowed) and not self._pycache(absolute):
            self.seen.append(f"{'writes' if writes else 'reads'} {absolute}")

    @staticmethod
    def _pycache(path: Path) -> bool:
        return "__pycache__" in path.parts or path.name.endswith(".nbi")


_RUNS = {"os.system", "subprocess.Popen", "os.exec", "os.fork", "socket.connect"}
# Containers, and numba's own cache of what it compiled here.
_HARMLESS = {"collections", "numpy", "builtins", "copyreg", "numba", "scarena"}
# By these that cache knows the kernels that scanpy compiles through fast-array-utils, from 1.12 on.
_SPARSE = {"csr_matrix", "csc_matrix", "csr_array", "csc_array"}


def _harmless(module: str, name: str) -> bool:
    if module.startswith("scipy.sparse."):
        return name in _SPARSE
    return module.partition(".")[0] in _HARMLESS or module == "fast_array_utils._plugins.numba_sparse"


def _slow(*_: object) -> None:
    raise TooSlow


def _warm() -> None:
    """Import, and use once, what cases use: its memory is not theirs."""
    import gc

    import anndata  # noqa: F401
    import igraph  # noqa: F401
    import matplotlib.font_manager  # noqa: F401
    import pyarrow.csv
    import pyarrow.parquet  # noqa: F401
    import rdata  # noqa: F401
    import scanpy  # noqa: F401
    import torch

    import scarena.cli.app
    import scarena.report.html  # noqa: F401
    from scarena.models.registry import all_models

    torch.set_num_threads(1)
    all_models()
    # What was imported is never collected: looking through it would take longer than most cases.
    gc.collect()
    gc.freeze()


def _limit_space() -> None:
    used = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10
    resource.setrlimit(resource.RLIMIT_AS, (used + _SPACE, resource.RLIM_INFINITY))


def _outcome(case, work: Path) -> dict:
    from scarena.base.errors import ScarenaError

    try:
        said = case.run(work)
        return {"end": "ok" if said is None else "state", "said": said or ""}
    except ScarenaError as error:
        return {"end": "error", "said": str(error)}
    except SystemExit as ended:
        return {"end": "exit", "code": ended.code, "said": ""}
    except TooSlow:
        return {"end": "slow", "said": "".join(traceback.format_exc())[-1500:]}
    except BaseException:  # noqa: BLE001 - that is what is looked for
        return {"end": "raised", "said": "".join(traceback.format_exc())[-1500:]}


def _run(case, root: Path, group: str, watch: Watch) -> dict:
    work = root / group / case.name
    (work / "tmp").mkdir(parents=True)
    os.environ["TMPDIR"] = str(work / "tmp")
    os.chdir(work)
    watch.work, watch.seen = work, []
    kept = {number: os.dup(number) for number in (1, 2)}
    for number, name in ((1, ".stdout"), (2, ".stderr")):
        file = os.open(work / name, os.O_WRONLY | os.O_CREAT)
        os.dup2(file, number)
        os.close(file)
    before = resource.getrusage(resource.RUSAGE_SELF)
    # A valid file is computed with, and the first of them compiles what it is computed by.
    signal.setitimer(signal.ITIMER_PROF, _CPU_S if not case.name.endswith("-valid") else 20 * _CPU_S)
    try:
        found = _outcome(case, work)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        for number, old in kept.items():
            os.dup2(old, number)
            os.close(old)
    after = resource.getrusage(resource.RUSAGE_SELF)
    found |= {"cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, "rss": after.ru_maxrss}
    found |= {"seen": watch.seen[:5], "stderr": (work / ".stderr").read_text(errors="replace")}
    watch.seen = []
    return {"case": case.name, **found}


def main(group: str, root: Path, first: int) -> None:
    """Run the cases of a group from the first that is wanted."""
    sys.path.insert(0, str(_HERE))
    import logging
    import tempfile

    from hostile_cases import groups
    from hostile_cases.seeds import CACHE

    os.environ.pop("SCARENA_MIRROR", None)
    wanted = set(json.loads((root / "cases.json").read_text()))
    cases = [case for case in groups()[group] if case.name in wanted]
    _warm()
    signal.signal(signal.SIGPROF, _slow)
    watch = Watch(root, CACHE.resolve())
    _limit_space()
    base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with (root / f"{group}.jsonl").open("a") as out:
        for number in range(first, len(cases)):
            tempfile.tempdir = None
            out.write(json.dumps({"begins": cases[number].name}) + "\n")
            out.flush()
            found = _run(cases[number], root, group, watch)
            logging.getLogger().handlers.clear()
            watch.work = root
            out.write(json.dumps(found | {"base": base}) + "\n")
            out.flush()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
