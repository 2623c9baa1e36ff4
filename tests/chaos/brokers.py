"""Three nodes of Apache Kafka with a static quorum; any one of them may die."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

from worker.demo.broker import (
    HEAP,
    PROPERTIES,
    READY_SECONDS,
    answers_metadata,
    ensure_jars,
    free_ports,
    new_cluster_id,
    say_on_stderr,
)
from worker.demo.processes import ManagedProcess, tail_of
from worker.errors import BrokerError

BROKER_SESSION_SECONDS = 3.0
"""What the demo's properties say: after so long without a heartbeat the controller moves a node's partitions."""
REPLICATED = """\
offsets.topic.replication.factor={replicas}
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={least}
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={least}
min.insync.replicas={least}
replica.lag.time.max.ms=5000
unclean.leader.election.enable=false
"""


class Cluster:
    """Brokers on loopback that are also the controllers. ``start`` and ``stop`` block.

    Args:
        nodes: 1 or 3.
    """

    def __init__(self, nodes: int) -> None:
        self.nodes = nodes
        self._folder: Path | None = None
        self._ports = free_ports(2 * nodes)
        self._processes: dict[int, ManagedProcess] = {}
        self._jars = ensure_jars(os.environ, say_on_stderr)

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"127.0.0.1:{port}" for port in self._ports[: self.nodes])

    def start(self) -> None:
        """Start all nodes and wait until each answers."""
        self._folder = Path(tempfile.mkdtemp(prefix="symbl-worker-chaos-kafka-"))
        cluster_id = new_cluster_id()
        for node in range(self.nodes):
            properties = self._write_properties(node)
            arguments = ("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(properties))
            formatted = subprocess.run(
                ["java", *HEAP, "-cp", f"{self._jars}/*", *arguments],
                capture_output=True,
                text=True,
                timeout=READY_SECONDS,
                check=False,
            )
            if formatted.returncode != 0:
                raise BrokerError(f"Kafka's data folder could not be formatted:\n{formatted.stdout}{formatted.stderr}")
        for node in range(self.nodes):
            self._launch(node)
        for node in range(self.nodes):
            self._wait(node)

    @property
    def processes(self) -> list[tuple[str, int]]:
        """Names and process ids."""
        return [(process.name, process.pid) for process in self._processes.values()]

    def freeze(self, node: int) -> None:
        """SIGSTOP: connections stay open, nothing is answered."""
        self._processes[node].signal(signal.SIGSTOP)

    def thaw(self, node: int) -> None:
        """SIGCONT."""
        self._processes[node].signal(signal.SIGCONT)

    def kill(self, node: int) -> None:
        """kill -9 of one node; its data stays."""
        self._processes[node].kill()

    def restart(self, node: int) -> None:
        """Bring a killed node back, and wait until it answers."""
        self._launch(node)
        self._wait(node)

    def stop(self) -> None:
        """End all nodes and remove their data. Safe to call twice."""
        for process in self._processes.values():
            process.kill()
        self._processes.clear()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    def _write_properties(self, node: int) -> Path:
        """The properties of the demo's broker, for one of several."""
        assert self._folder is not None
        controllers = self._ports[self.nodes :]
        text = PROPERTIES.format(
            port=self._ports[node], controller_port=controllers[node], data=self._folder / f"data-{node}"
        )
        voters = ",".join(f"{number + 1}@127.0.0.1:{port}" for number, port in enumerate(controllers))
        # What comes later wins.
        text += f"node.id={node + 1}\ncontroller.quorum.voters={voters}\n"
        text += REPLICATED.format(replicas=self.nodes, least=min(2, self.nodes))
        path = self._folder / f"server-{node}.properties"
        path.write_text(text, encoding="utf-8")
        return path

    def _launch(self, node: int) -> None:
        assert self._folder is not None
        command = ["java", *HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", f"{self._jars}/*"]
        command += ["kafka.Kafka", str(self._folder / f"server-{node}.properties")]
        log = self._folder / f"broker-{node}.log"
        self._processes[node] = ManagedProcess(f"broker-{node}", command, log=log)

    def _wait(self, node: int) -> None:
        process, deadline = self._processes[node], time.monotonic() + READY_SECONDS
        while not answers_metadata(self._ports[node]):
            if process.exit_code is not None or time.monotonic() > deadline:
                raise BrokerError(f"broker {node} does not answer:\n{tail_of(process.log)}")
            time.sleep(0.1)
