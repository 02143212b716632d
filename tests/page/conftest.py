"""The page in the Chromium that is installed; where there is none and this may be done, Debian's is installed first."""

import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from scarena.base.files import read_json
from scarena.bench.page import BROWSERS
from scarena.report.html import render

REFERENCE = Path(__file__).parents[2] / "results" / "reference"


def _chromium() -> str:
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        pytest.skip("needs Chromium: it is not installed, and cannot be installed here (not root, or no apt-get)")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        for command in (["update"], ["install", "-y", "--no-install-recommends", "chromium"]):
            subprocess.run(["apt-get", *command], env=env, capture_output=True, text=True, timeout=900, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"needs Chromium, which apt-get could not install: {str(error)[:200]}")
    if path := shutil.which("chromium"):
        return path
    pytest.skip("needs Chromium: this system's package of that name has no such command")


@dataclass
class Opened:
    """A page in a tab, with everything it asked for and said."""

    tab: object
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def browser():
    # Started for one module at a time: its loop must not be running in a process that goes on to other tests.
    sync_api = pytest.importorskip("playwright.sync_api")
    path = _chromium()
    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser):
    """A function that opens a file, told what the context is to be like, and the fragment of its address."""
    contexts = []

    def opened(path, fragment="", **context):
        contexts.append(browser.new_context(**context))
        page = Opened(contexts[-1].new_page())
        page.tab.on("request", lambda request: page.requests.append(request.url))
        page.tab.on("console", lambda message: page.said.append(f"{message.type}: {message.text}"))
        page.tab.on("pageerror", lambda error: page.said.append(f"error: {error}"))
        page.tab.goto(path.as_uri() + fragment, wait_until="load")
        return page

    yield opened
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def board():
    """The demo board as it is shipped."""
    return read_json(REFERENCE / "demo" / "board.json")


@pytest.fixture(scope="session")
def folder(board, tmp_path_factory):
    """What the runs of the board left that the page shows: UMAPs of every model, made up, on every dataset."""
    import anndata

    place, rng = tmp_path_factory.mktemp("runs"), np.random.default_rng(0)
    names = [f"cell{i}" for i in range(300)]
    models = [card["name"] for card in board["models"] if card["family"] != "control"]
    for entry in board["datasets"]:
        here = place / entry["dataset"]
        here.mkdir()
        flat = {f"xy:{name}": rng.normal(size=(300, 2)).astype(np.float32) for name in models}
        np.savez(here / "umaps.npz", obs_names=np.array(names), **flat)
        data = anndata.AnnData(csr_matrix(np.ones((300, 2), np.int32)))
        data.obs_names, data.var["symbol"] = names, "gene"
        types = sorted(entry["summary"]["types"])
        data.obs["cell_type"] = [types[i % len(types)] for i in range(300)]
        data.obs["cell_type_id"], data.obs["batch"] = "", [f"b{i % 3}" for i in range(300)]
        data.write_h5ad(here / "dataset.h5ad")
    return place


@pytest.fixture(scope="session")
def path(board, folder, tmp_path_factory):
    """The page of the demo board."""
    path = tmp_path_factory.mktemp("page") / "board.html"
    path.write_text(render(board, folder), encoding="utf-8")
    return path
