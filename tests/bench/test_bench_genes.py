"""What `scarena bench genes` asks: each task of genes of a dataset that can answer it, and a table of what it took."""

from scarena.bench.genes import COLUMNS, made, rows
from scarena.tasks.gene_task import GeneTask
from scarena.tasks.genes import Genes
from scarena.tasks.registry import catalogue


def test_every_task_of_genes_is_answered_by_one_of_the_two_datasets():
    every, stated, latent = made(2000)
    facts = [Genes(latent, range(len(latent)), truth, 0).facts for truth in (every, stated)]
    tasks = [entry.task for entry in catalogue() if isinstance(entry.task, GeneTask)]
    assert tasks and all(any(not task.unanswerable(each) for each in facts) for task in tasks)
    assert len(every.genes) == len(latent) == every.sets.shape[0] and every.sets.max() == 1


def test_the_table_has_a_row_a_task_their_sum_and_the_memory():
    seconds = {name: {"seconds": 2.0, "cpu_seconds": 1.5, "state": "ok", "value": 0.1} for name in ("a", "b")}
    table = rows({"run": {"state": "ok", "seconds": seconds, "peak_gib": 0.5}})
    assert table == [["a", "2.0", "1.5"], ["b", "2.0", "1.5"], ["all", "4.0", "3.0"], ["peak memory (GiB)", "0.50", ""]]
    lost = rows({"run": {"state": "failed(oom)", "log": "no room"}})
    assert lost == [["state", "failed(oom)", ""], ["log", "no room", ""]] and all(len(r) == len(COLUMNS) for r in lost)
