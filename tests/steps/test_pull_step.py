"""What `pull` fetches is all that a dataset needs: compute nodes may have no internet."""

import socket

import pytest

from scarena.cli.own_dataset import add_dataset
from scarena.cli.own_reader import OwnFile
from scarena.datasets.card import load_card
from scarena.datasets.prepare import prepare
from scarena.steps.config import BoardConfig
from scarena.steps.pull import pull_step


def test_a_dataset_that_was_pulled_is_prepared_without_the_internet(tmp_path, cache, make_cells, monkeypatch):
    from scarena.datasets.genes import gene_table

    data = make_cells()
    data.var_names = sorted(gene_table(cache=cache, mirror=None).symbol_to_id)[: data.n_vars]
    data.write_h5ad(tmp_path / "mine.h5ad")
    (tmp_path / "map.yaml").write_text("type0: CL:0000236\ntype1: CL:0000084\ntype2: CL:0000576\n")
    monkeypatch.chdir(tmp_path)
    # Which would answer in the internet's place.
    monkeypatch.delenv("SCARENA_MIRROR", raising=False)
    own = OwnFile(tmp_path / "mine.h5ad", "batch", "cell_type", ontology_map=tmp_path / "map.yaml")
    add_dataset(own, name=None, folder=tmp_path / "config/datasets")
    board = BoardConfig(board="b", datasets=["mine"], models=["hvg"], cache=tmp_path / "new")
    answer = pull_step("mine", tmp_path / "sources.json", board)
    assert answer["state"] == "ok", answer["reason"]

    def refused(*_args, **_more):
        pytest.fail("asked the internet")

    monkeypatch.setattr(socket.socket, "connect", refused)
    # Of pip, which is a process of its own.
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert prepare(load_card("mine", board.user_cards), cache=board.cache).n_obs == data.n_obs
