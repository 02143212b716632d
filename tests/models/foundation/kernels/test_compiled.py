"""Every kernel compiles for an H200, also where there is none: the interpreter takes what the compiler does not."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="triton is not installed")

# Kernel, types of its arguments, compile-time arguments.
COMPILE = """
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile
from scarena.models.foundation.kernels import attention_triton as attention
from scarena.models.foundation.kernels import embed_tokens_triton as embed
from scarena.models.foundation.kernels import knn_triton as knn
from scarena.models.foundation.kernels import nb_loss_triton as loss
from scarena.models.foundation.kernels import pack_triton as pack

TYPES = {
    "*i64": "starts_ order gene_starts keys",
    "*i32": "genes remap real_B out_starts place_T genes_T q_starts k_starts known cell_N counts",
    "i32": "blocks heads n_queries q_t q_h k_t k_h v_t v_h n_tokens n_asked n_rows",
    "fp32": "scale natural step eps",
    "*bf16": "table out grad table_grad q k v o do dq dk dv cells",
}
KIND = {name: kind for kind, names in TYPES.items() for name in names.split()}


def built(kernel, warps=4, stages=3, **fixed):
    names = [parameter.name for parameter in kernel.params]
    kinds = {name: "constexpr" if name in fixed else KIND.get(name, "*fp32") for name in names}
    kinds.update({"starts": "*i64"} if "starts" in kinds else {})
    aligned = {(i,): [["tt.divisibility", 16]] for i, name in enumerate(names) if kinds[name].startswith("*")}
    source = ASTSource(kernel, kinds, fixed, aligned)
    compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps, "num_stages": stages})
    print(kernel.__name__)


built(pack._measure, BLOCK=1024)
for keyed in (False, True):
    built(pack._select, KEYED=keyed, LENGTH=512, PLACE_BITS=15, BLOCK=1024)
for mode in (0, 1, 2):
    built(pack._order, MODE=mode, N_BINS=50, BI=128, BJ=64)
width = {"K": 64, "D": 256, "BD": 256}
built(embed._forward, BT=32, **width)
built(embed._knots_and_weight, 8, 2, BT=16, BK=32, **width)
built(embed._table, BT=32, **width)
for mode in (0, 1, 2):
    shape = {"MODE": mode, "D": 64, "BK": 64, "PRECISION": "tf32"}
    built(attention._forward, 8, BM=128, BN=64, **shape)
    built(attention._grad_q, BM=64, BN=64, **shape)
    built(attention._grad_kv, BM=64, BN=64, **shape)
built(loss._forward, LOWEST=-20.0, HIGHEST=10.0, ZERO=True, E=128, BE=128, BT=32)
built(loss._by_gene, ZERO=True, E=128, BE=128, BT=32)
built(knn._candidates, OWN=True, C=32, WIDTH=50, BD=64, BM=64, BN=64)
"""


def test_every_kernel_compiles_for_an_h200(tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    run = subprocess.run([sys.executable, "-c", COMPILE], env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    assert len(set(run.stdout.split())) == 10
