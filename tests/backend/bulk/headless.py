"""The command on a cluster whose head can be killed: `python -m tests.backend.bulk.headless URL FILE`.

The head's process id goes into the file.
"""

from __future__ import annotations

import os
import sys
import tempfile
from functools import partial
from pathlib import Path

from backend.__main__ import main
from backend.bulk import cluster as cluster_module
from backend.cli import preannotate
from backend.server.child_process import ROOT
from tests.backend.colour_engine import ColourEngine

SMALL = {"object_store_memory": 80_000_000, "include_dashboard": False}

if __name__ == "__main__":
    url = sys.argv[1]
    with tempfile.TemporaryDirectory(prefix="ray", dir="/tmp", ignore_cleanup_errors=True) as folder:
        os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_TMPDIR": folder, "PYTHONPATH": str(ROOT)}
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={**SMALL, "num_cpus": 1})
        cluster_module.ANSWERING = 5.0
        preannotate.run = partial(preannotate.run, load=ColourEngine)

        head = cluster.head_node
        assert head is not None
        (server,) = head.all_processes["gcs_server"]
        Path(sys.argv[2]).write_text(str(server.process.pid))
        status = main(["preannotate", "--url", url, "--project", "1", "--cluster", cluster.address], os.environ)
        sys.stdout.flush()
        sys.stderr.flush()
        head.kill_all_processes(check_alive=False, allow_graceful=False)
        os._exit(status)  # Ray's threads would end the process in their own way
