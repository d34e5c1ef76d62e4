"""A Ray cluster of one machine as `ray start --head` leaves it, jobs and a token included, until stdin ends; where it
is, as JSON, out."""

import json
import socket
import sys


def main() -> None:
    from raytrain.trial import cluster

    cluster.set_environment("joined")
    import ray
    from ray.cluster_utils import Cluster

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 2, "num_gpus": 0, "include_dashboard": True, "dashboard_port": port},
    )
    try:
        print(json.dumps({"jobs": f"http://127.0.0.1:{port}", "address": machine.address}), flush=True)
        sys.stdin.read()
    finally:
        ray.shutdown()
        machine.shutdown()


if __name__ == "__main__":
    main()
