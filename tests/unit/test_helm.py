"""The chart, rendered as Helm renders it: valid, secure, and true to the settings of the programs."""

from __future__ import annotations

import asyncio
import base64
import copy
import functools
import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]  # ships no types
import pytest
import trustme
import yaml
from kubernetes_validate.utils import latest_version, major_minor  # type: ignore[import-untyped]  # ships no types

from worker.config import env_names, load_settings
from worker.engine.account_book import AccountBook
from worker.engine.app import EngineServer
from worker.engine.config import engine_env_names, load_engine_settings
from worker.engine.tokens import TokenMint

Values: TypeAlias = dict[str, Any]
Document: TypeAlias = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "symbl-worker"
EVERYTHING: Values = yaml.safe_load((CHART / "ci" / "everything-values.yaml").read_text(encoding="utf-8"))
# What the chart needs and Helm's `kubeVersion` promises, up to the newest schemas there are.
KUBERNETES = ("1.30", major_minor(latest_version()))
# Defined by operators that a cluster may have or not; their schemas are not part of Kubernetes.
CUSTOM_KINDS = {"PodMonitor", "ScaledObject"}
WORKLOADS = {"StatefulSet", "Deployment", "Job"}

SASL: Values = {
    "kafka": {"securityProtocol": "SASL_SSL", "sasl": {"username": "worker"}, "ca": {"existingSecret": "kafka-ca"}}
}
OWN_TLS: Values = {
    "engine": {"tls": {"existingSecret": "engine-tls"}},
    "symbl": {"ca": {"existingConfigMap": "engine-ca"}},
}
CASES: dict[str, Values] = {
    "defaults": {},
    "everything": EVERYTHING,
    "hosted": {"engine": {"enabled": False}, "symbl": {"baseUrl": "https://symbl.example.test"}},
    "sasl": SASL | {"topicsJob": {"enabled": True}},
    "keda": {"autoscaling": {"mode": "keda"}, "topics": {"audio": "^symbl[.]audio[.].*"}},
    "tls": OWN_TLS | {"podMonitor": {"enabled": True}, "networkPolicy": {"enabled": True}},
    "claim": {"engine": {"store": {"existingClaim": "conversations"}}},
    "bare": {
        "serviceAccount": {"create": False},
        "podDisruptionBudget": {"enabled": False},
        "worker": {"topologySpreadConstraints": [], "resources": {}},
        "networkPolicy": {"enabled": True},
    },
}


@functools.cache
def chart() -> helm_python.Chart:
    return helm_python.Chart.load(CHART)


@functools.cache
def rendered(values: str, name: str) -> dict[str, str]:
    return chart().render(json.loads(values), name=name, namespace="calls")


def render(values: Values, name: str = "demo") -> list[Document]:
    """Every document of a release, in a stable order."""
    texts = [text for path, text in sorted(rendered(json.dumps(values), name).items()) if path.endswith(".yaml")]
    return [document for text in texts for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def only(documents: list[Document], kind: str, component: str = "worker") -> Document:
    found = [
        document
        for document in documents
        if document["kind"] == kind and document["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    assert len(found) == 1, f"{len(found)} of {kind} {component}"
    return found[0]


def pods(documents: list[Document]) -> Iterator[tuple[str, Document, Document]]:
    """Name, pod spec and the one container of every workload."""
    for document in documents:
        if document["kind"] in WORKLOADS:
            spec = document["spec"]["template"]["spec"]
            assert "initContainers" not in spec
            (container,) = spec["containers"]
            yield document["metadata"]["name"], spec, container


def refusal(values: Values) -> str:
    with pytest.raises((helm_python.HelmValuesError, helm_python.HelmRenderError)) as caught:
        render(values)
    return str(caught.value)


def mounted(
    documents: list[Document], folder: Path, contents: dict[str, dict[str, bytes]]
) -> Callable[[dict[str, str]], dict[str, str]]:
    """Writes Secrets and ConfigMaps where the pods would have them, below a folder. Returns what moves paths there."""
    for _, spec, container in pods(documents):
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            source = volume.get("secret", volume.get("configMap"))
            held = contents.get(source.get("secretName", source.get("name")), {}) if source else {}
            items = source.get("items", [{"key": key, "path": key} for key in held]) if held else []
            for item in items:
                file = folder / mount["mountPath"][1:] / item["path"]
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(held[item["key"]])

    return lambda variables: {
        name: value.replace("/run/secrets/", f"{folder}/run/secrets/") for name, value in variables.items()
    }


DIAL = """
import asyncio, os, aiohttp
from worker.app import Dialer
from worker.config import load_settings

async def dial():
    async with aiohttp.ClientSession() as http:
        dialer = Dialer(load_settings(os.environ), http)
        connection = await dialer.dial("call-1")
        await connection.close()
        await dialer.close()

asyncio.run(dial())
"""


async def dialled(environment: dict[str, str]) -> bool:
    """Whether a worker with this environment gets a token and a socket. Another process: authorities are read once."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", DIAL, env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0 or b"CERTIFICATE_VERIFY_FAILED" in said, said.decode()
    return process.returncode == 0


@pytest.fixture(params=CASES.values(), ids=list(CASES))
def documents(request: pytest.FixtureRequest) -> list[Document]:
    return render(request.param)


class TestValidity:
    @pytest.mark.parametrize("values", CASES.values(), ids=list(CASES))
    @pytest.mark.parametrize("version", KUBERNETES)
    def test_lint_finds_nothing(self, values: Values, version: str) -> None:
        """Helm's own linter, in strict mode, has nothing to say but that a chart could have an icon."""
        report = helm_python.lint(CHART, copy.deepcopy(values), strict=True, kube_version=f"v{version}.0")
        assert not report["errors"]
        assert [m["error"] for m in report["messages"] if m["error"] != "icon is recommended"] == []

    @pytest.mark.parametrize("version", KUBERNETES)
    def test_documents_are_valid(self, documents: list[Document], version: str) -> None:
        """Every object is accepted by the strict schema of Kubernetes, custom resources excepted."""
        checked = [document for document in documents if document["kind"] not in CUSTOM_KINDS]
        assert checked
        for document in checked:
            kubernetes_validate.validate(document, version, strict=True)

    def test_no_object_comes_twice(self, documents: list[Document]) -> None:
        """Kind and name identify an object: a second one of the same name would overwrite the first."""
        names = [(document["kind"], document["metadata"]["name"]) for document in documents]
        assert len(names) == len(set(names))

    @pytest.mark.parametrize("name", ["demo", "symbl-worker", "a" * 53])
    def test_names_fit(self, name: str) -> None:
        """Names stay valid for the longest release name that Helm allows; a StatefulSet's has room for a hash."""
        for document in render(EVERYTHING | {"fullnameOverride": ""}, name):
            text = document["metadata"]["name"]
            assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", text)
            assert len(text) <= (52 if document["kind"] == "StatefulSet" else 63)

    def test_all_kinds_are_covered(self) -> None:
        """The value sets of these tests, taken together, render every kind of object the chart can make."""
        made = {document["kind"] for values in CASES.values() for document in render(values)}
        written = set()
        for template in (CHART / "templates").glob("*.yaml"):
            written |= set(re.findall(r"^kind: (\w+)$", template.read_text(encoding="utf-8"), re.MULTILINE))
        assert made == written

    def test_versions_agree(self) -> None:
        """The chart installs the image of the package's own version."""
        metadata = yaml.safe_load((CHART / "Chart.yaml").read_text(encoding="utf-8"))
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        assert metadata["appVersion"] == project["version"]
        assert metadata["name"] == project["name"]


class TestSemantics:
    """What the API server refuses and no schema knows."""

    def test_disruption_budgets_have_one_limit(self, documents: list[Document]) -> None:
        """A budget has either a minimum or a maximum, and always lets at least one pod go: nodes can be drained."""
        for document in documents:
            if document["kind"] == "PodDisruptionBudget":
                assert "minAvailable" not in document["spec"]
                assert document["spec"]["maxUnavailable"] not in (0, "0%")

    def test_ports_are_in_range(self, documents: list[Document]) -> None:
        """Every port number anywhere lies between 1 and 65535."""

        def numbers(node: object) -> Iterator[int]:
            if isinstance(node, dict):
                for key, value in node.items():
                    if key in {"port", "containerPort", "targetPort"} and isinstance(value, int):
                        yield value
                    yield from numbers(value)
            elif isinstance(node, list):
                for item in node:
                    yield from numbers(item)

        found = list(numbers(documents))
        assert found
        assert all(1 <= port <= 65_535 for port in found)

    def test_named_ports_exist(self, documents: list[Document]) -> None:
        """Probes and Services name a port that the pod has."""
        for _, _, container in pods(documents):
            names = {port["name"] for port in container.get("ports", [])}
            probes = [container[key] for key in container if key.endswith("Probe")]
            assert {probe["httpGet"]["port"] for probe in probes} <= names
            assert {probe["httpGet"]["scheme"].lower() for probe in probes} <= names
            for document in documents:
                component = document["metadata"]["labels"]["app.kubernetes.io/component"]
                if document["kind"] == "Service" and component == container["name"]:
                    assert {port["targetPort"] for port in document["spec"]["ports"]} <= names

    def test_mounts_have_volumes(self, documents: list[Document]) -> None:
        """Every mount has a volume of its name, every volume is mounted, and no path is used twice."""
        for _, spec, container in pods(documents):
            mounts = container["volumeMounts"]
            assert {mount["name"] for mount in mounts} == {volume["name"] for volume in spec["volumes"]}
            assert len({mount["mountPath"] for mount in mounts}) == len(mounts)

    def test_selectors_find_their_pods(self, documents: list[Document]) -> None:
        """Services, budgets and policies select pods that the release has; a workload selects its own."""
        templates = [
            document["spec"]["template"]["metadata"]["labels"]
            for document in documents
            if document["kind"] in WORKLOADS
        ]
        for document in documents:
            spec = document.get("spec", {})
            selector = spec["podSelector"] if document["kind"] == "NetworkPolicy" else spec.get("selector")
            if selector is None:
                continue
            wanted = selector.get("matchLabels", selector)
            assert any(wanted.items() <= labels.items() for labels in templates), document["metadata"]["name"]

    def test_requests_do_not_exceed_limits(self) -> None:
        """The default memory limit holds what the worker may buffer, with as much again for everything else."""
        container = only(render({}), "StatefulSet")["spec"]["template"]["spec"]["containers"][0]
        limit = container["resources"]["limits"]["memory"]
        assert limit.endswith("Mi")
        assert int(limit[:-2]) << 20 >= 2 * load_settings({}).buffer.worker_high_bytes

    def test_replicas_belong_to_the_autoscaler(self) -> None:
        """With an autoscaler the StatefulSet names no replicas: an upgrade would reset what was scaled."""
        assert only(render({}), "StatefulSet")["spec"]["replicas"] == 2
        for mode, kind in (("hpa", "HorizontalPodAutoscaler"), ("keda", "ScaledObject")):
            documents = render({"autoscaling": {"mode": mode}})
            worker = only(documents, "StatefulSet")
            assert "replicas" not in worker["spec"]
            target = only(documents, kind)["spec"]["scaleTargetRef"]
            assert target == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": worker["metadata"]["name"]}

    def test_lag_is_that_of_the_worker(self) -> None:
        """KEDA looks at the worker's own group and topic; several topics or a pattern mean all topics of the group."""
        documents = render({"autoscaling": {"mode": "keda"}, "worker": {"groupId": "calls"}})
        (trigger,) = only(documents, "ScaledObject")["spec"]["triggers"]
        assert trigger["metadata"]["consumerGroup"] == "calls"
        assert trigger["metadata"]["topic"] == "symbl.audio"
        (trigger,) = only(render(CASES["keda"]), "ScaledObject")["spec"]["triggers"]
        assert "topic" not in trigger["metadata"]


class TestIdentity:
    def test_selector_labels_never_change(self) -> None:
        """Selectors are immutable in a cluster: this text is the one that all releases to come must have."""
        golden = {
            component: {
                "app.kubernetes.io/name": "symbl-worker",
                "app.kubernetes.io/instance": "demo",
                "app.kubernetes.io/component": component,
            }
            for component in ("worker", "engine")
        }
        for values in CASES.values():
            documents = render(values)
            for document in documents:
                if document["kind"] in {"StatefulSet", "Deployment"}:
                    component = document["metadata"]["labels"]["app.kubernetes.io/component"]
                    assert document["spec"]["selector"] == {"matchLabels": golden[component]}

    def test_a_chart_version_alone_moves_no_stream(self) -> None:
        """Pods carry no label that changes with the chart: an upgrade that changes nothing restarts nothing."""
        template = only(render({}), "StatefulSet")["spec"]["template"]["metadata"]
        assert set(template["labels"]) == {f"app.kubernetes.io/{name}" for name in ("name", "instance", "component")}
        assert set(template["annotations"]) == {"checksum/config"}

    def test_changed_settings_restart_the_pods(self) -> None:
        """Settings are read once at the start, so a changed one changes the pod template."""

        def checksum(values: Values) -> str:
            template = only(render(values), "StatefulSet")["spec"]["template"]
            return str(template["metadata"]["annotations"]["checksum/config"])

        assert checksum({}) == checksum({"worker": {"podLabels": {"team": "calls"}}})
        assert checksum({}) != checksum({"worker": {"settings": {"REDACTION__MASK": "####"}}})

    def test_members_of_the_group_are_the_pods(self) -> None:
        """The static Kafka member is the pod: a unique name that the replacement gets again."""
        worker = only(render({}), "StatefulSet")
        (container,) = worker["spec"]["template"]["spec"]["containers"]
        assert container["env"][0] == {
            "name": "WORKER__INSTANCE_ID",
            "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}},
        }
        assert worker["spec"]["podManagementPolicy"] == "Parallel"


class TestSecurity:
    def test_pods_meet_the_restricted_profile(self, documents: list[Document]) -> None:
        """Every pod runs as uid 10001 on a read-only root, without capabilities, with the default seccomp profile."""
        found = 0
        for name, spec, container in pods(documents):
            found += 1
            pod = spec["securityContext"]
            assert (pod["runAsNonRoot"], pod["runAsUser"], pod["runAsGroup"]) == (True, 10001, 10001), name
            assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["privileged"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
            assert not [volume for volume in spec["volumes"] if "hostPath" in volume]
            assert {"name": "tmp", "mountPath": "/tmp"} in container["volumeMounts"]
        assert found

    def test_no_pod_can_talk_to_the_api_server(self, documents: list[Document]) -> None:
        """No token of a service account is mounted: nothing here needs the Kubernetes API."""
        for _, spec, _ in pods(documents):
            assert spec["automountServiceAccountToken"] is False
        for document in documents:
            if document["kind"] == "ServiceAccount":
                assert document["automountServiceAccountToken"] is False

    def test_services_do_not_leak_into_the_settings(self, documents: list[Document]) -> None:
        """Settings come from the environment, so Kubernetes adds no variables of its own for Services."""
        assert all(spec["enableServiceLinks"] is False for _, spec, _ in pods(documents))

    def test_secrets_are_only_in_secrets(self) -> None:
        """A secret given as a value is in Secret objects and nowhere else: no ConfigMap, variable or annotation."""
        documents = render(EVERYTHING)
        secrets = {EVERYTHING["symbl"]["appSecret"], EVERYTHING["kafka"]["sasl"]["password"]}
        held: set[str] = set()
        for document in documents:
            text = json.dumps(document)
            if document["kind"] == "Secret":
                held |= {base64.b64decode(value).decode() for value in document["data"].values()}
                continue
            for secret in secrets:
                assert secret not in text
                assert base64.b64encode(secret.encode()).decode() not in text
        assert held == secrets
        assert not any(
            secret in chart().render(EVERYTHING, name="demo")["symbl-worker/templates/NOTES.txt"] for secret in secrets
        )

    def test_secrets_are_files_that_can_change(self, documents: list[Document]) -> None:
        """Secrets are mounted as directories, read-only, not for others: a subPath would never see a rotation."""
        for _, spec, container in pods(documents):
            volumes = {volume["name"]: volume for volume in spec["volumes"]}
            for mount in container["volumeMounts"]:
                assert "subPath" not in mount
                if "secret" in volumes[mount["name"]] and not mount["name"].endswith("-ca"):
                    assert mount["readOnly"] is True
                    assert volumes[mount["name"]]["secret"]["defaultMode"] == 0o440
            variables = {entry["name"]: entry for entry in container.get("env", [])}
            assert not [name for name in variables if name.endswith("_SECRET")]

    def test_policies_deny_what_they_do_not_list(self) -> None:
        """A policy covers both directions; brokers and hosts are reached on the listed ports and peers only."""
        documents = render(EVERYTHING)
        policies = [document for document in documents if document["kind"] == "NetworkPolicy"]
        assert len(policies) == 3
        assert all(policy["spec"]["policyTypes"] == ["Ingress", "Egress"] for policy in policies)
        worker = only(documents, "NetworkPolicy")["spec"]
        assert worker["ingress"] == [
            {"ports": [{"port": "http", "protocol": "TCP"}], "from": EVERYTHING["networkPolicy"]["metricsFrom"]}
        ]
        reached = {port["port"]: rule.get("to") for rule in worker["egress"] for port in rule["ports"]}
        assert reached[9093] == reached[9094] == [{"ipBlock": {"cidr": "10.1.0.0/16"}}]
        assert reached[443] == [{"ipBlock": {"cidr": "192.0.2.0/24"}}]
        engine = only(documents, "NetworkPolicy", "engine")["spec"]
        assert all(rule["from"] for rule in engine["ingress"])
        reached = {port["port"]: rule.get("to") for rule in engine["egress"] for port in rule["ports"]}
        assert reached[5433] == [{"ipBlock": {"cidr": "10.2.0.0/16"}}]

    def test_policies_name_ports_that_their_pods_have(self, documents: list[Document]) -> None:
        """A port is named differently with TLS: a policy that kept the old name would shut everybody out."""
        names = {
            document["metadata"]["labels"]["app.kubernetes.io/component"]: {
                port["name"] for port in document["spec"]["template"]["spec"]["containers"][0].get("ports", [])
            }
            for document in documents
            if document["kind"] in WORKLOADS
        }
        for document in documents:
            if document["kind"] != "NetworkPolicy":
                continue
            own = document["spec"]["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
            for rule in document["spec"].get("ingress", []):
                assert {port["port"] for port in rule["ports"]} <= names[own]
            for rule in document["spec"]["egress"]:
                peers = [peer["podSelector"]["matchLabels"] for peer in rule.get("to", []) if "podSelector" in peer]
                for peer in peers:
                    assert {port["port"] for port in rule["ports"]} <= names[peer["app.kubernetes.io/component"]]


class TestShutdown:
    @pytest.mark.parametrize("seconds", [1, 25, 45.5, 3600])
    @pytest.mark.parametrize("margin", [5, 30])
    def test_kubernetes_waits_longer_than_the_drain(self, seconds: float, margin: int) -> None:
        """The grace period is the drain deadline rounded up plus the margin; the program is told the same deadline."""
        own = {"shutdownSeconds": seconds, "terminationMarginSeconds": margin}
        documents = render({"worker": own, "engine": own})
        for kind, component, setting in (
            ("StatefulSet", "worker", "WORKER__SHUTDOWN_SECONDS"),
            ("Deployment", "engine", "ENGINE__DRAIN_SECONDS"),
        ):
            spec = only(documents, kind, component)["spec"]["template"]["spec"]
            assert seconds + margin <= spec["terminationGracePeriodSeconds"] < seconds + margin + 1
            assert float(only(documents, "ConfigMap", component)["data"][setting]) == seconds

    def test_health_is_probed(self, documents: list[Document]) -> None:
        """Every long-running pod has all three probes; a slow start is for the startup probe, not for the liveness."""
        for document in documents:
            if document["kind"] in {"StatefulSet", "Deployment"}:
                (container,) = document["spec"]["template"]["spec"]["containers"]
                paths = {key: container[key]["httpGet"]["path"] for key in container if key.endswith("Probe")}
                assert paths == {
                    "startupProbe": "/health/live",
                    "livenessProbe": "/health/live",
                    "readinessProbe": "/health/ready",
                }


class TestSettings:
    def test_names_are_real_settings(self) -> None:
        """Every name that the worker's pods get is one that the worker knows."""
        for values in CASES.values():
            documents = render(values)
            assert set(only(documents, "ConfigMap")["data"]) | {"WORKER__INSTANCE_ID"} <= env_names()

    def test_values_are_accepted(self) -> None:
        """The worker starts with what the chart gives it, and sees the values that were meant."""
        for values in CASES.values():
            documents = render(values)
            settings = load_settings(only(documents, "ConfigMap")["data"] | {"WORKER__INSTANCE_ID": "demo-0"})
            assert settings.http.host == "0.0.0.0"
            assert settings.symbl.app_secret_file == Path("/run/secrets/symbl/app-secret")
        settings = load_settings(only(render(EVERYTHING), "ConfigMap")["data"])
        assert settings.buffer.worker_high_bytes == 536_870_912
        assert settings.redaction.enabled is True
        assert settings.worker.shutdown_seconds == 45.5

    def test_defaults_are_those_of_the_worker(self) -> None:
        """A value left alone means in the chart what the setting left alone means in the worker."""
        settings, own = load_settings({}), load_settings(only(render({}), "ConfigMap")["data"])
        assert own.topics == settings.topics
        assert own.log == settings.log
        assert own.worker == settings.worker
        assert own.http.port == settings.http.port

    def test_the_topics_job_sees_what_the_worker_sees(self) -> None:
        """Topics are created with the worker's settings, from objects that exist before the release does."""
        documents = render(EVERYTHING)
        (container,) = only(documents, "Job", "topics")["spec"]["template"]["spec"]["containers"]
        variables = {entry["name"]: entry["value"] for entry in container["env"]}
        assert variables == {
            name: value
            for name, value in only(documents, "ConfigMap")["data"].items()
            if name != "SYMBL__APP_SECRET_FILE"
        }
        assert "envFrom" not in container
        load_settings(variables)

    def test_the_topics_job_needs_nothing_of_the_release(self) -> None:
        """A pre-install hook runs first: what it refers to is a hook of a lower weight, or not made by the chart."""
        for values in (EVERYTHING, CASES["sasl"]):
            documents = render(values)
            job = only(documents, "Job", "topics")
            spec = job["spec"]["template"]["spec"]
            assert "serviceAccountName" not in spec
            used = {volume["secret"]["secretName"] for volume in spec["volumes"] if "secret" in volume}
            for document in documents:
                if document["kind"] == "Secret" and document["metadata"]["name"] in used:
                    annotations = document["metadata"]["annotations"]
                    assert annotations["helm.sh/hook"] == job["metadata"]["annotations"]["helm.sh/hook"]
                    assert int(annotations["helm.sh/hook-weight"]) < 0

    def test_engine_names_are_fields(self) -> None:
        """Every name that the engine's pods get is one that the engine knows."""
        for name, values in CASES.items():
            if name != "hosted":
                names = set(only(render(values), "ConfigMap", "engine")["data"])
                assert names <= engine_env_names() | {"LOG__LEVEL", "LOG__FORMAT"}

    def test_engine_values_are_accepted(self, tmp_path: Path) -> None:
        """The engine accepts what the chart gives it, with every file where the chart mounts it."""
        documents = render(EVERYTHING)
        files = mounted(
            documents,
            tmp_path,
            {
                "calls-symbl": {"app-secret": b"symbl-hunter2"},
                "engine-token-key": {"token-key": b"k" * 64},
                "engine-accounts": {"accounts.yaml": b"accounts: [{appId: a, appSecretFile: secret}]", "secret": b"b"},
                "engine-database": {"url": b"postgresql://engine:hunter2@db.example.test/calls"},
                "engine-tls": {"tls.crt": b"x", "tls.key": b"y", "ca.crt": b"z"},
            },
        )
        settings = load_engine_settings(files(only(documents, "ConfigMap", "engine")["data"]), {})
        assert settings.accounts == {"calls": "symbl-hunter2"}
        assert settings.token_key == b"k" * 64
        assert settings.store_url == "postgresql://engine:hunter2@db.example.test/calls"
        assert settings.accounts_file is not None
        book = AccountBook(
            TokenMint(key=settings.token_key, accounts=None), fixed=settings.accounts, file=settings.accounts_file
        )
        assert book.issue("a", "b", now=0) is not None
        assert settings.tls_certificate_file is not None
        assert settings.tls_key_file is not None
        assert (settings.tls_certificate_file.read_bytes(), settings.tls_key_file.read_bytes()) == (b"x", b"y")
        assert not list(tmp_path.rglob("ca.crt"))

    def test_conversations_have_a_place_of_a_known_size(self) -> None:
        """A pod's own SQLite file lies in a volume with a limit: Kubernetes does not see what a nameless file takes."""
        for name, source in (
            ("defaults", {"emptyDir": {"sizeLimit": "4Gi"}}),
            ("claim", {"persistentVolumeClaim": {"claimName": "conversations"}}),
            ("everything", None),
        ):
            documents = render(CASES[name])
            spec = only(documents, "Deployment", "engine")["spec"]["template"]["spec"]
            mounts = {mount["name"]: mount["mountPath"] for mount in spec["containers"][0]["volumeMounts"]}
            data = only(documents, "ConfigMap", "engine")["data"]
            if source is None:
                assert "store" not in mounts
                assert "ENGINE__STORE_URL" not in data
            else:
                assert {"name": "store"} | source in spec["volumes"]
                assert data["ENGINE__STORE_URL"] == f"sqlite:///{mounts['store']}/conversations.db"

    def test_a_sqlite_file_has_one_engine_at_a_time(self) -> None:
        """With a claim the old engine stops first: the new one cannot open a file that the old one holds."""
        assert only(render(CASES["claim"]), "Deployment", "engine")["spec"]["strategy"] == {"type": "Recreate"}
        assert only(render({}), "Deployment", "engine")["spec"]["strategy"]["type"] == "RollingUpdate"

    def test_the_worker_uses_the_engine_of_its_release(self) -> None:
        """Without a base URL the worker goes to the engine's Service, with the same id and the same secret file."""
        documents = render({})
        service = only(documents, "Service", "engine")
        port = service["spec"]["ports"][0]["port"]
        data = only(documents, "ConfigMap")["data"]
        engine = only(documents, "ConfigMap", "engine")["data"]
        assert data["SYMBL__BASE_URL"] == f"http://{service['metadata']['name']}:{port}"
        assert (data["SYMBL__APP_ID"], data["SYMBL__APP_SECRET_FILE"]) == (
            engine["ENGINE__APP_ID"],
            engine["ENGINE__APP_SECRET_FILE"],
        )

    async def test_the_worker_verifies_the_engine_of_its_release(self, tmp_path: Path) -> None:
        """With TLS the worker goes there by https, trusts the authority that it is given, and would trust no other."""
        documents = render(OWN_TLS)
        authority, stranger = trustme.CA(), trustme.CA()
        issued = authority.issue_cert("localhost")
        files = mounted(
            documents,
            tmp_path,
            {
                "symbl-credentials": {"app-secret": b"hunter2"},
                "engine-tls": {"tls.crt": issued.cert_chain_pems[0].bytes(), "tls.key": issued.private_key_pem.bytes()},
                "engine-ca": {"ca.crt": authority.cert_pem.bytes()},
            },
        )
        engine = files(only(documents, "ConfigMap", "engine")["data"])
        own = {"host": "127.0.0.1", "port": 0, "recognizer": "coded", "store_url": f"sqlite:///{tmp_path}/c.db"}
        async with EngineServer(load_engine_settings(engine, own)) as server:
            assert server.base_url.startswith("https://")
            data = files(only(documents, "ConfigMap")["data"])
            service = only(documents, "Service", "engine")
            name, port = service["metadata"]["name"], service["spec"]["ports"][0]["port"]
            assert data["SYMBL__BASE_URL"] == f"https://{name}:{port}"
            data["SYMBL__BASE_URL"] = f"https://localhost:{server.base_url.rpartition(':')[2]}"
            (container,) = only(documents, "StatefulSet")["spec"]["template"]["spec"]["containers"]
            data |= files({entry["name"]: entry["value"] for entry in container["env"] if "value" in entry})
            assert await dialled(data)
            stranger.cert_pem.write_to_path(data["SSL_CERT_FILE"])
            assert not await dialled(data)

    def test_prometheus_verifies_the_engine(self) -> None:
        """Pods are scraped by address, so the name in the certificate and its authority are said."""
        (worker, engine) = only(render(CASES["tls"]), "PodMonitor")["spec"]["podMetricsEndpoints"]
        assert (worker["port"], "scheme" in worker) == ("http", False)
        assert (engine["port"], engine["scheme"]) == ("https", "https")
        assert engine["tlsConfig"] == {
            "serverName": only(render(CASES["tls"]), "Service", "engine")["metadata"]["name"],
            "ca": {"configMap": {"name": "engine-ca", "key": "ca.crt"}},
        }
        (_, engine) = only(render(EVERYTHING), "PodMonitor")["spec"]["podMetricsEndpoints"]
        assert engine["tlsConfig"] == {"serverName": "symbl.example.test"}


class TestRefusals:
    """Wrong values are refused before anything reaches the cluster, and the text names the place."""

    @pytest.mark.parametrize(
        ("values", "place"),
        [
            ({"worker": {"replica": 3}}, "at '/worker'"),
            ({"workers": {}}, "'workers'"),
            ({"worker": {"replicas": "3"}}, "/worker/replicas"),
            ({"worker": {"shutdownSeconds": 0}}, "/worker/shutdownSeconds"),
            ({"worker": {"terminationMarginSeconds": 1}}, "/worker/terminationMarginSeconds"),
            ({"worker": {"settings": {"foo": 1}}}, "'foo'"),
            ({"worker": {"settings": {"SYMBL__APP_SECRET": "x"}}}, "'SYMBL__APP_SECRET'"),
            ({"worker": {"settings": {"KAFKA__SASL_PASSWORD": "x"}}}, "'KAFKA__SASL_PASSWORD'"),
            ({"worker": {"settings": {"HTTP__PORT": 1}}}, "worker.settings.HTTP__PORT"),
            ({"worker": {"settings": {"WORKER__INSTANCE_ID": "x"}}}, "worker.settings.WORKER__INSTANCE_ID"),
            ({"worker": {"extraEnv": [{"name": "WORKER__INSTANCE_ID", "value": "x"}]}}, "/worker/extraEnv/0/name"),
            ({"worker": {"podLabels": {"app.kubernetes.io/component": "x"}}}, "'app.kubernetes.io/component'"),
            ({"worker": {"podAnnotations": {"checksum/config": "x"}}}, "'checksum/config'"),
            ({"worker": {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]}}, "/worker/extraVolumes/0/name"),
            ({"engine": {"settings": {"ENGINE__PORT": 1}}}, "engine.settings.ENGINE__PORT"),
            ({"engine": {"enabled": False}}, "/symbl/baseUrl"),
            ({"engine": {"replicas": 2}}, "/engine/tokenKey/existingSecret"),
            ({"engine": {"settings": {"ENGINE__TOKEN_KEY": "x"}}}, "'ENGINE__TOKEN_KEY'"),
            ({"engine": {"settings": {"ENGINE__STORE_URL": "x"}}}, "engine.settings.ENGINE__STORE_URL"),
            ({"engine": {"settings": {"ENGINE__STORE_URL_FILE": "x"}}}, "engine.settings.ENGINE__STORE_URL_FILE"),
            ({"engine": {"settings": {"ENGINE__TLS_KEY_FILE": "x"}}}, "engine.settings.ENGINE__TLS_KEY_FILE"),
            ({"engine": {"accounts": {"key": "a/b"}}}, "/engine/accounts/key"),
            ({"engine": {"store": {"sizeLimit": "lots"}}}, "/engine/store/sizeLimit"),
            ({"engine": {"store": {"existingSecret": "a", "existingClaim": "b"}}}, "engine.store: existingSecret"),
            (
                {"engine": {"replicas": 2, "tokenKey": {"existingSecret": "a"}, "store": {"existingClaim": "b"}}},
                "engine.store.existingClaim: a SQLite file is for one engine",
            ),
            ({"engine": {"tls": {"existingSecret": "a"}}}, "symbl.ca: the worker has to know"),
            ({"symbl": {"ca": {"existingSecret": "a", "existingConfigMap": "b"}}}, "/symbl/ca"),
            (
                {
                    "engine": {"tls": {"existingSecret": "a"}},
                    "symbl": {"baseUrl": "https://symbl.example.test"},
                    "podMonitor": {"enabled": True},
                },
                "podMonitor.engineTlsConfig",
            ),
            ({"kafka": None}, "'kafka'"),
            ({"kafka": {"bootstrapServers": "kafka"}}, "/kafka/bootstrapServers"),
            ({"kafka": {"securityProtocol": "TLS"}}, "/kafka/securityProtocol"),
            ({"kafka": {"securityProtocol": "SASL_SSL"}}, "/kafka/sasl/username"),
            ({"kafka": {"ca": {"existingSecret": "a", "existingConfigMap": "b"}}}, "/kafka/ca"),
            ({"topics": {"state": "no spaces"}}, "/topics/state"),
            ({"symbl": {"baseUrl": "wss://symbl.example.test"}}, "/symbl/baseUrl"),
            ({"symbl": {"baseUrl": "https://id:secret@symbl.example.test"}}, "/symbl/baseUrl"),
            ({"symbl": {"existingSecret": ""}}, "/symbl"),
            ({"image": {"tag": "latest"}}, "/image/tag"),
            ({"log": {"level": "TRACE"}}, "/log/level"),
            ({"http": {"port": 80}}, "/http/port"),
            ({"podDisruptionBudget": {"maxUnavailable": 0}}, "/podDisruptionBudget/maxUnavailable"),
            ({"podDisruptionBudget": {"maxUnavailable": "0%"}}, "/podDisruptionBudget/maxUnavailable"),
            ({"podDisruptionBudget": {"minAvailable": 1}}, "/podDisruptionBudget"),
            ({"networkPolicy": {"kafkaPorts": [99_999]}}, "/networkPolicy/kafkaPorts/0"),
            ({"networkPolicy": {"kafkaPorts": []}}, "/networkPolicy/kafkaPorts"),
            ({"autoscaling": {"mode": "vpa"}}, "/autoscaling/mode"),
            ({"autoscaling": {"mode": "hpa", "minReplicas": 9, "maxReplicas": 3}}, "autoscaling.minReplicas"),
            ({"kafka": {"securityProtocol": "SSL"}, "autoscaling": {"mode": "keda"}}, "/keda/authenticationRef"),
        ],
    )
    def test_wrong_values_are_refused(self, values: Values, place: str) -> None:
        """A value that cannot work stops the installation, and the message says which one it is."""
        assert place in refusal(values)

    def test_the_schema_is_closed_and_complete(self) -> None:
        """The schema describes exactly the values there are, all of them required: deleting one is a mistake too."""
        schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
        free = {"global"}  # Helm puts it there in a parent chart

        def compare(values: Values, node: Values, path: str) -> None:
            assert node["additionalProperties"] is False, path
            assert set(node["properties"]) - free == set(values) == set(node["required"]), path
            for name, value in values.items():
                if isinstance(value, dict) and "properties" in node["properties"][name]:
                    compare(value, node["properties"][name], f"{path}.{name}")

        compare(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")), schema, "values")


class TestDocumentation:
    def test_the_table_of_values_is_complete(self) -> None:
        """The chart's README lists exactly the top-level values, in their order."""
        text = (CHART / "README.md").read_text(encoding="utf-8")
        listed = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
        assert listed == list(yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8")))

    def test_every_top_level_value_is_explained(self) -> None:
        """In values.yaml, every block begins with a comment or holds comments of its own."""
        lines = (CHART / "values.yaml").read_text(encoding="utf-8").splitlines()
        starts = [index for index, line in enumerate(lines) if re.match(r"\w+:", line)]
        for index in starts:
            nearby = lines[index - 1].startswith("#") or lines[index + 1].lstrip().startswith("#")
            assert nearby, lines[index]
