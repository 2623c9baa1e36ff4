"""A Kafka broker for the demo and the tests: real where Java is, librdkafka's mock cluster where it is not.

``python -m worker.demo.broker`` prints the bootstrap address and runs until Ctrl-C.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeAlias

from worker.demo.processes import ManagedProcess, tail_of
from worker.errors import BrokerError

Kind: TypeAlias = Literal["external", "apache-kafka", "librdkafka-mock"]
Say: TypeAlias = Callable[[str], None]

POM = Path(__file__).parent / "kafka" / "pom.xml"
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
OLDEST_JAVA = 17
HEAP = ("-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
DOWNLOAD_SECONDS = 600.0
READY_SECONDS = 60.0
TERMINATE_SECONDS = 20.0
PORT_ATTEMPTS = 3

# The short broker session lets a killed node register again soon: until it is over, the old incarnation holds the name.
PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
listeners=PLAIN://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAIN://127.0.0.1:{port}
listener.security.protocol.map=PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAIN
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=5
group.initial.rebalance.delay.ms=0
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
auto.create.topics.enable=false
"""


def say_on_stderr(line: str) -> None:
    """Tell the person at the terminal what takes time."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


class LocalKafka(ABC):
    """A broker to work against. ``start`` and ``stop`` block; ``stop`` ends it and its data for good, once or twice.

    The fault methods keep ports and data: ``stop_process`` asks it to shut down in order, ``kill`` does not ask,
    ``pause`` and ``resume`` freeze it, ``restart`` brings it back. They raise ``BrokerError`` where the broker is not
    ours to hurt.
    """

    kind: Kind
    is_real = True

    def __init__(self) -> None:
        self._bootstrap_servers: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._bootstrap_servers or 'not started'}>"

    @property
    def bootstrap_servers(self) -> str:
        """Where it listens, as ``host:port``."""
        if self._bootstrap_servers is None:
            raise BrokerError("the broker has not been started")
        return self._bootstrap_servers

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers. Raises ``BrokerError`` with what the broker or Maven said."""

    @abstractmethod
    def stop(self) -> None:
        """End it and remove its data."""

    def auto_create(self, topics: Iterable[str]) -> None:
        """Create topics where the broker has no CreateTopics; elsewhere ``BrokerError``: use an admin client."""
        raise BrokerError(f"create topics on {self.kind} with an admin client")

    def stop_process(self, timeout_seconds: float = TERMINATE_SECONDS) -> None:
        """Shut it down in order, keeping ports and data."""
        raise self._not_ours()

    def kill(self) -> None:
        """End it at once, keeping ports and data."""
        raise self._not_ours()

    def pause(self) -> None:
        """Freeze it: connections stay open, nothing is answered."""
        raise self._not_ours()

    def resume(self) -> None:
        """Let it go on after ``pause``."""
        raise self._not_ours()

    def restart(self) -> None:
        """Bring it back on the same ports and data, and wait until it answers."""
        raise self._not_ours()

    def _not_ours(self) -> BrokerError:
        return BrokerError(f"a broker of kind {self.kind} cannot be stopped and restarted from here")


class ExternalKafka(LocalKafka):
    """The broker that the environment names. Never started, stopped or changed."""

    kind = "external"

    def __init__(self, bootstrap_servers: str) -> None:
        super().__init__()
        self._bootstrap_servers = bootstrap_servers

    def start(self) -> None:
        for server in self.bootstrap_servers.split(","):
            host, _, port = server.strip().rpartition(":")
            with contextlib.suppress(OSError, ValueError), socket.create_connection((host.strip("[]"), int(port)), 5.0):
                return
        raise BrokerError(f"no broker answers at {self.bootstrap_servers} (KAFKA__BOOTSTRAP_SERVERS)")

    def stop(self) -> None:
        """Nothing: it is not ours."""


class MockKafka(LocalKafka):
    """librdkafka's mock cluster, inside this process.

    Good for a first look, not for proofs: no CreateTopics, no transactions that a reader could trust, a few megabytes
    of retention per partition. Topics appear when they are first asked for, with four partitions.
    """

    kind = "librdkafka-mock"
    is_real = False

    def __init__(self) -> None:
        super().__init__()
        self._client: Any = None

    def start(self) -> None:
        from confluent_kafka import Producer  # optional dependency

        self._client = Producer({"test.mock.num.brokers": 1, "log_level": 3})
        brokers = self._client.list_topics(timeout=READY_SECONDS).brokers.values()
        self._bootstrap_servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)

    def stop(self) -> None:
        self._client = None

    def auto_create(self, topics: Iterable[str]) -> None:
        """Asking for a topic's metadata creates it."""
        for topic in topics:
            self._client.list_topics(topic, timeout=READY_SECONDS)


class ApacheKafka(LocalKafka):
    """Apache Kafka in KRaft mode: one node, loopback, free ports, data in a temporary folder.

    Ports and data belong to the object from ``start`` to ``stop``; the process may come and go in between.
    """

    kind = "apache-kafka"

    def __init__(self, env: Mapping[str, str] | None = None, say: Say = say_on_stderr) -> None:
        super().__init__()
        self._env = dict(os.environ if env is None else env)
        self._say = say
        self._jars: Path | None = None
        self._folder: Path | None = None
        self._process: ManagedProcess | None = None

    @property
    def log(self) -> Path:
        """What the broker has to say, as long as it has not been stopped for good."""
        return self._home / "broker.log"

    @property
    def pid(self) -> int:
        """Process id of the running broker."""
        return self._running.pid

    @property
    def _home(self) -> Path:
        if self._folder is None:
            raise BrokerError("the broker has not been started")
        return self._folder

    @property
    def _running(self) -> ManagedProcess:
        if self._process is None:
            raise BrokerError("the broker is not running")
        return self._process

    def start(self) -> None:
        self._jars = ensure_jars(self._env, self._say)
        for attempt in range(1, PORT_ATTEMPTS + 1):
            try:
                self._prepare()
                self.restart()
            except BaseException as error:
                port_taken = "Address already in use" in str(error)
                self.stop()
                if not port_taken or attempt == PORT_ATTEMPTS:
                    raise
            else:
                return

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None
        self._bootstrap_servers = None

    def stop_process(self, timeout_seconds: float = TERMINATE_SECONDS) -> None:
        self._running.stop(timeout_seconds)
        self._process = None

    def kill(self) -> None:
        self._running.kill()
        self._process = None

    def pause(self) -> None:
        self._running.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running.signal(signal.SIGCONT)

    def restart(self) -> None:
        if self._process is not None:
            self.stop_process()
        command = ["java", *HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *self._main("kafka.Kafka")]
        self._process = ManagedProcess("broker", command, log=self.log, env=self._env)
        self._wait_until_ready(self._process)

    def _prepare(self) -> None:
        """Choose ports, write the properties and format the data folder."""
        self._folder = Path(tempfile.mkdtemp(prefix="symbl-worker-kafka-"))
        port, controller_port = free_ports(2)
        self._bootstrap_servers = f"127.0.0.1:{port}"
        self._properties.write_text(
            PROPERTIES.format(port=port, controller_port=controller_port, data=self._folder / "data"), encoding="utf-8"
        )
        formatted = subprocess.run(  # noqa: S603
            ["java", *HEAP, *self._main("kafka.tools.StorageTool", "format", "-t", new_cluster_id(), "-c")],  # noqa: S607
            env=self._env,
            capture_output=True,
            text=True,
            timeout=READY_SECONDS,
            check=False,
        )
        if formatted.returncode != 0:
            raise BrokerError(f"Kafka's data folder could not be formatted:\n{formatted.stdout}{formatted.stderr}")

    @property
    def _properties(self) -> Path:
        return self._home / "server.properties"

    def _main(self, main_class: str, *arguments: str) -> list[str]:
        return ["-cp", f"{self._jars}/*", main_class, *arguments, str(self._properties)]

    def _wait_until_ready(self, process: ManagedProcess) -> None:
        port = int(self.bootstrap_servers.rpartition(":")[2])
        end = time.monotonic() + READY_SECONDS
        while not answers_metadata(port):
            if process.exit_code is not None:
                raise BrokerError(f"Apache Kafka ended with exit code {process.exit_code}:\n{tail_of(self.log)}")
            if time.monotonic() > end:
                raise BrokerError(f"Apache Kafka did not answer within {READY_SECONDS:.0f} s:\n{tail_of(self.log)}")
            time.sleep(0.05)


def choose_broker(env: Mapping[str, str], say: Say = say_on_stderr) -> LocalKafka:
    """The broker to use, not started yet: the one that is named, else a real one, else the mock.

    Args:
        env: the environment; ``KAFKA__BOOTSTRAP_SERVERS`` names a broker, Java and Maven are looked for in ``PATH``.
        say: takes single lines for the person who waits.

    Raises:
        BrokerError: there is no broker to be had.
    """
    named = env.get("KAFKA__BOOTSTRAP_SERVERS", "").strip()
    if named:
        return ExternalKafka(named)
    missing = missing_for_apache_kafka(env)
    if missing is None:
        return ApacheKafka(env, say)
    try:
        import confluent_kafka  # noqa: F401 - only whether it is there
    except ImportError:
        raise BrokerError(
            f"no Kafka: {missing}. Install Java {OLDEST_JAVA} and Maven, or `pip install symbl-worker[demo]`, "
            "or name a broker in KAFKA__BOOTSTRAP_SERVERS"
        ) from None
    say(f"No real Kafka ({missing}): using librdkafka's mock cluster, good for a look but without exactly-once.")
    return MockKafka()


def missing_for_apache_kafka(env: Mapping[str, str]) -> str | None:
    """What keeps us from running Apache Kafka; None when nothing does."""
    java = shutil.which("java", path=env.get("PATH"))
    if java is None:
        return f"Java {OLDEST_JAVA} was not found"
    try:
        shown = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return "`java -version` does not work"
    version = java_version(shown.stderr + shown.stdout)
    if version is None or version < OLDEST_JAVA:
        return f"Java is {version or 'of an unknown version'}, Kafka needs {OLDEST_JAVA}"
    if jars_folder(env).is_dir():
        return None
    return None if shutil.which("mvn", path=env.get("PATH")) else "Maven was not found"


def java_version(text: str) -> int | None:
    """The major version in what ``java -version`` prints: 17 of "17.0.15", 8 of "1.8.0_392"."""
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found[1]) if found else None


def jars_folder(env: Mapping[str, str]) -> Path:
    """Where the jars of this pom are kept, whether they are there or not."""
    cache = env.get("SYMBL_WORKER_CACHE")
    if not cache:
        base = env.get("XDG_CACHE_HOME") or str(Path(env.get("HOME", "~")).expanduser() / ".cache")
        cache = str(Path(base) / "symbl-worker")
    return Path(cache) / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def ensure_jars(env: Mapping[str, str], say: Say) -> Path:
    """Fetch the broker's jars unless they are cached.

    The folder appears complete or not at all, and two processes at once are safe.
    """
    folder = jars_folder(env)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    say(f"Fetching Apache Kafka with Maven, once, into {folder} ...")
    with tempfile.TemporaryDirectory(prefix=f"{folder.name}.", dir=folder.parent) as scratch:
        jars = Path(scratch) / "jars"
        command = [
            "mvn",
            "-B",
            "-ntp",
            "-f",
            str(POM),
            COPY_JARS,
            "-DincludeScope=runtime",
            f"-DoutputDirectory={jars}",
        ]
        try:
            fetched = subprocess.run(  # noqa: S603
                command, env=dict(env), capture_output=True, text=True, timeout=DOWNLOAD_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            raise BrokerError(f"Maven did not finish within {DOWNLOAD_SECONDS:.0f} s") from None
        if fetched.returncode != 0 or not any(jars.glob("kafka_*.jar")):
            raise BrokerError(f"Maven could not fetch Apache Kafka:\n{fetched.stdout[-3000:]}{fetched.stderr[-1000:]}")
        with contextlib.suppress(OSError):  # somebody else was faster: theirs is as complete as ours
            jars.rename(folder)
    if not folder.is_dir():
        raise BrokerError(f"the jars could not be put into {folder}")
    return folder


def new_cluster_id() -> str:
    """A random UUID the way Kafka writes it. It begins with a letter: a dash would read as an option."""
    first, *rest = uuid.uuid4().bytes
    return base64.urlsafe_b64encode(bytes([first & 0x7F, *rest])).rstrip(b"=").decode()


def free_ports(count: int) -> list[int]:
    """Ports on loopback that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def answers_metadata(port: int) -> bool:
    """Whether a broker at this loopback port says that it is part of a cluster (Metadata request, version 1)."""
    client = b"readiness"
    body = struct.pack(f">hhih{len(client)}si", 3, 1, 1, len(client), client, 0)
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection, connection.makefile("rb") as answer:
            connection.sendall(struct.pack(">i", len(body)) + body)
            head = answer.read(12)
    except OSError:
        return False
    return len(head) == 12 and struct.unpack(">iii", head)[2] > 0


def main() -> int:
    """Run a broker until Ctrl-C."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    try:
        with choose_broker(os.environ) as broker:
            sys.stdout.write(f"{broker.bootstrap_servers}\n")
            sys.stdout.flush()
            say_on_stderr(f"{broker.kind} is up. KAFKA__BOOTSTRAP_SERVERS={broker.bootstrap_servers} Ctrl-C ends it.")
            while not stopped.wait(1.0):
                if isinstance(broker, ApacheKafka) and not answers_metadata(
                    int(broker.bootstrap_servers.split(":")[1])
                ):
                    raise BrokerError(f"Apache Kafka stopped answering:\n{tail_of(broker.log)}")
    except BrokerError as error:
        say_on_stderr(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
