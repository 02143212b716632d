"""The pinned table places known genes where the genome has them."""

import gzip

import pytest

from scarena.base.errors import SourceError
from scarena.datasets import gene_positions as module
from scarena.datasets.gene_positions import gene_positions


def test_known_genes_are_where_the_genome_has_them(cache):
    found = gene_positions(cache=cache)
    assert found["ENSG00000141510"][0] == "chr17" and found["ENSG00000146648"][0] == "chr7"
    assert found["ENSG00000182378"][0] == "chrX", "of a gene on both sex chromosomes the place on X"
    assert len(found) > 60_000 and all(start >= 0 for _, start in found.values())


def test_another_table_in_its_place_is_refused(tmp_path):
    mirror = tmp_path / "mirror" / "gene_tables"
    mirror.mkdir(parents=True)
    with gzip.open(mirror / "human_ensembl_latest.csv.gz", "wt") as file:
        file.write("gene_id,gene_name,biotype,chromosome,start,end\n")
    with pytest.raises(SourceError, match="sha256"):
        gene_positions(cache=tmp_path / "cache", mirror=mirror.parent)


def test_the_table_is_pinned():
    assert all(source.sha256 and source.url.count("/") > 6 for source in module._SOURCE.files)
