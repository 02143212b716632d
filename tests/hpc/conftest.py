"""A cluster of two Slurm nodes on this machine, for the length of a test session.

Jobs do not inherit SLURM_CONF, so its configuration is /etc/slurm/slurm.conf: one that is not ours is left alone, and
the tests are skipped. Nothing is left afterwards but Debian's packages.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import yaml

ROOT = Path(__file__).parents[2]
# Where Debian keeps daemons and what dpkg needs; not on every PATH.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
MARK = "# Made by scArena's tests, which remove it again.\n"
FOLDER = Path("/etc/slurm")
NODES = ("one", "two")
CONFIG = """\
ClusterName=scarena
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
SlurmdUser=root
StateSaveLocation={work}/state
SlurmdSpoolDir={work}/spool-%n
SlurmctldPidFile={work}/slurmctld.pid
SlurmdPidFile={work}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
MinJobAge=300
# Also how long a requeued job waits; two minutes otherwise.
AuthInfo=cred_expire=20
SchedulerParameters=sched_interval=5
ReturnToService=2
KillWait=5
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} RealMemory={memory} Gres=gpu:a100:1
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} RealMemory={memory} Gres=gpu:a100:1
PartitionName=tests Nodes=one,two Default=YES MaxTime=INFINITE State=UP
"""
# A GPU in name alone: enough for what asks for one to be accepted.
GRES = "NodeName=one,two Name=gpu Type=a100 File=/dev/null\n"


def asked(*command: str, check: bool = True) -> str:
    """Return what a command of Slurm says, which never takes long."""
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=check).stdout.strip()


def until(what: str, done, seconds: float) -> None:
    """Wait until `done` returns something true; fail, saying what was waited for."""
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.3)


def _install() -> None:
    if all(shutil.which(each) for each in ("slurmctld", "slurmd", "sbatch", "munged")):
        return
    if shutil.which("apt-get") is None:
        pytest.skip("needs Slurm: slurm-wlm and munge are not installed, and there is no apt-get")
    install = ["apt-get", "install", "-y", "--no-install-recommends", "slurm-wlm", "munge"]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (["apt-get", "update"], install):
            subprocess.run(command, env=env, capture_output=True, timeout=300, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip("needs Slurm: apt-get could not install slurm-wlm and munge")


@contextlib.contextmanager
def _running(command: list[str], log: Path, **more) -> Iterator[subprocess.Popen]:
    with log.open("wb") as sink:
        process = subprocess.Popen(command, stdout=sink, stderr=sink, stdin=subprocess.DEVNULL, **more)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _munge_works() -> bool:
    made = subprocess.run(["munge", "-n"], capture_output=True, check=False)
    return made.returncode == 0


@contextlib.contextmanager
def _munge(work: Path) -> Iterator[None]:
    """Start munged, unless the machine has one that works."""
    if _munge_works():
        yield
        return
    key, run = Path("/etc/munge/munge.key"), Path("/run/munge")
    if not key.exists():
        subprocess.run(["mungekey", "--create"], user="munge", check=True)
    run.mkdir(exist_ok=True)
    shutil.chown(run, "munge", "munge")
    with _running(["munged", "--foreground"], work / "munged.log", user="munge", group="munge"):
        until("munged", _munge_works, 20)
        yield


@contextlib.contextmanager
def _ours_alone() -> Iterator[None]:
    """Hold the machine's one place for a Slurm configuration, or skip."""
    config = FOLDER / "slurm.conf"
    with Path("/run/lock/scarena-slurm").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pytest.skip("another test session on this machine has its Slurm running")
        if config.exists() and not config.read_text().startswith(MARK):
            pytest.skip(f"this machine has a Slurm of its own ({config})")
        try:
            yield
        finally:
            for name in ("slurm.conf", "gres.conf"):
                (FOLDER / name).unlink(missing_ok=True)


def _configure(work: Path) -> None:
    with contextlib.ExitStack() as held:
        free = [held.enter_context(socket.socket()) for _ in range(3)]
        for each in free:
            each.bind(("127.0.0.1", 0))
        ports = [each.getsockname()[1] for each in free]
    size = {"cpus": max(1, len(os.sched_getaffinity(0)) // 2), "memory": psutil.virtual_memory().total // 2**20}
    FOLDER.mkdir(exist_ok=True)
    text = CONFIG.format(host=socket.gethostname(), work=work, ports=ports, **size)
    (FOLDER / "slurm.conf").write_text(MARK + text)
    (FOLDER / "gres.conf").write_text(MARK + GRES)


def _idle() -> bool:
    found = asked("sinfo", "--noheader", "--Node", "--format=%T", check=False).split()
    return found == ["idle"] * len(NODES)


@pytest.fixture(scope="session")
def slurm(tmp_path_factory) -> Iterator[str]:
    """A running cluster with an idle partition, whose name this is."""
    if os.geteuid() != 0:
        pytest.skip("needs root, to start Slurm")
    work = tmp_path_factory.mktemp("slurm")
    (work / "state").mkdir()
    with contextlib.ExitStack() as stack:
        stack.enter_context(_ours_alone())
        _install()
        _configure(work)
        stack.enter_context(_munge(work))
        stack.enter_context(_running(["slurmctld", "-D"], work / "slurmctld.log"))
        for node in NODES:
            stack.enter_context(_running(["slurmd", "-D", "-N", node], work / f"slurmd-{node}.log"))
        until("idle Slurm nodes", _idle, 60)
        yield "tests"
        asked("scancel", "--user=root", "--state=PENDING", check=False)
        asked("scancel", "--user=root", "--signal=KILL", "--full", check=False)
        until("the last Slurm job's end", lambda: not asked("squeue", "--noheader"), 60)


@pytest.fixture(scope="session")
def slurm_profile(slurm, tmp_path_factory) -> Path:
    """profiles/slurm, with this cluster's partition, and a wait as short as the queue."""
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    profile |= {"default-resources": {"slurm_partition": slurm}, "slurm-init-seconds-before-status-checks": 2}
    profile |= {"slurm-keep-successful-logs": True, "latency-wait": 10}
    folder = tmp_path_factory.mktemp("profile")
    (folder / "config.yaml").write_text(yaml.safe_dump(profile))
    return folder
