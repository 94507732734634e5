"""Who runs, how many of them, and how they come and go."""

import json
from importlib import import_module
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from tests.chart.rendered import FILES, of_kind, rendered
from tools.deploy.chart import helm, schemas
from tools.deploy.chart.helm import Manifest, Refused
from tools.deploy.chart.policy import pod_of
from tools.metrics_page import declared
from vai_common.ids import uuid7
from vai_devstack.services import SERVICES
from vai_records.definitions.kinds import KINDS, Mode
from vai_testkit.database import Database


def _env(manifest: Manifest) -> dict[str, Any]:
    container = manifest["spec"]["template"]["spec"]["containers"][0]
    return {each["name"]: each.get("value", each.get("valueFrom")) for each in container["env"]}


def test_four_lines_add_a_worker_for_one_kind() -> None:
    said = {"workers": {"big-extracts": {"kinds": ["dlt_extract"], "slots": 2, "scaling": {"max": 5}}}}
    manifests = helm.template(FILES["full"], said)
    worker = of_kind(manifests, "Deployment")["vai-big-extracts"]
    container = worker["spec"]["template"]["spec"]["containers"][0]
    assert container["args"] == ["python", "-m", "vai_extract_worker"]
    assert (_env(worker)["VAI_KINDS"], _env(worker)["VAI_SLOTS"]) == ("dlt_extract", "2")
    scaled = of_kind(manifests, "ScaledObject")["vai-big-extracts"]
    assert scaled["spec"]["triggers"][0]["metadata"]["targetQueryValue"] == "2"
    assert "vai-big-extracts" in of_kind(manifests, "NetworkPolicy")


@pytest.mark.parametrize("name", FILES)
def test_every_service_is_there_and_has_the_secrets_that_it_needs_and_no_others(name: str) -> None:
    deployments = of_kind(rendered(name), "Deployment").values()
    modules = {each["spec"]["template"]["spec"]["containers"][0]["args"][2]: each for each in deployments}
    assert modules.keys() == {service.module for service in SERVICES}
    for service in SERVICES:
        env = _env(modules[service.module])
        assert ("VAI_ENCRYPTION_KEYS" in env) == service.decrypts, service.name
        assert ("VAI_TOKEN_SECRET" in env) == ("VAI_ADMIN_TOKEN" in env) == service.own_metrics, service.name
        assert ("VAI_GRPC_HOST" in env) == service.grpc, service.name


@pytest.mark.parametrize("name", FILES)
def test_a_pod_is_killed_later_than_it_stops_by_itself(name: str) -> None:
    for each in of_kind(rendered(name), "Deployment").values():
        spec, env = each["spec"]["template"]["spec"], _env(each)
        hook = spec["containers"][0].get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
        assert spec["terminationGracePeriodSeconds"] >= float(env.get("VAI_STOP_SECONDS", 25)) + hook + 5
        assert bool(hook) == ("VAI_METRICS_PORT" in env), "a worker that waits before it hears would release late"


def test_a_longer_drain_has_a_longer_grace() -> None:
    manifests = helm.template(FILES["minimal"], {"workers": {"agent-worker": {"stopSeconds": 120}}})
    worker = of_kind(manifests, "Deployment")["vai-agent-worker"]
    assert _env(worker)["VAI_STOP_SECONDS"] == "120"
    assert worker["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 127


def test_budgets_are_there_only_where_there_is_more_than_one_pod() -> None:
    budgets = of_kind(rendered("full"), "PodDisruptionBudget")
    least = {name: each["spec"]["minReplicaCount"] for name, each in of_kind(rendered("full"), "ScaledObject").items()}
    assert {name for name, pods in least.items() if pods > 1} <= budgets.keys()
    assert not {name for name, pods in least.items() if pods <= 1} & budgets.keys()
    assert of_kind(rendered("one-node"), "PodDisruptionBudget") == {}


def test_workers_scale_to_zero_unless_somebody_waits_for_their_kinds() -> None:
    for name, each in of_kind(rendered("operators"), "ScaledObject").items():
        worker = of_kind(rendered("operators"), "Deployment")[name]
        waited = any(KINDS[kind].mode is Mode.SYNC for kind in _env(worker)["VAI_KINDS"].split(","))
        assert each["spec"]["minReplicaCount"] == (1 if waited else 0), name
        assert each["spec"]["fallback"]["replicas"] >= 1


@pytest.mark.parametrize("name", ["full", "operators"])
def test_keda_knows_every_key_of_every_trigger(name: str) -> None:
    authentication = of_kind(rendered(name), "TriggerAuthentication")["vai-scaler"]
    scaled = of_kind(rendered(name), "ScaledObject").values()
    assert scaled
    assert [fault for each in scaled for fault in schemas.scaler_faults(each, authentication)] == []


def test_a_misspelt_key_of_a_trigger_is_found() -> None:
    scaled = json.loads(json.dumps(of_kind(rendered("full"), "ScaledObject")["vai-extract-worker"]))
    metadata = scaled["spec"]["triggers"][0]["metadata"]
    metadata["targetQueryvalue"] = metadata.pop("targetQueryValue")
    authentication = of_kind(rendered("full"), "TriggerAuthentication")["vai-scaler"]
    assert any("targetQueryvalue" in fault for fault in schemas.scaler_faults(scaled, authentication))


async def test_the_sql_of_every_scaler_counts_on_the_real_database_as_a_scalers_user(own_database: Database) -> None:
    owner = await own_database.owner()
    for moves in ("pending/queued", "running/queued", "running/leased", "pending/held", "completed/done"):
        await own_database.put(*moves.split("/"))
    login = f"scaler_{uuid7().hex}"
    await owner.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'secret' IN ROLE vai_scaler")
    try:
        async with owner.acquire() as conn:
            await conn.execute(f"SET ROLE {login}")
            try:
                for name, each in of_kind(rendered("full"), "ScaledObject").items():
                    query = each["spec"]["triggers"][0]["metadata"]["query"]
                    wanted = 3 if "dlt_extract" in query else 0
                    assert float(await conn.fetchval(query)) == wanted, name
            finally:
                await conn.execute("RESET ROLE")
    finally:
        await owner.execute(f"DROP ROLE {login}")


@pytest.mark.parametrize("name", ["default", "minimal", "full", "one-node"])
def test_the_connections_that_are_counted_are_those_that_the_pods_may_open(name: str) -> None:
    manifests = rendered(name)
    scalers = [*of_kind(manifests, "ScaledObject").values(), *of_kind(manifests, "HorizontalPodAutoscaler").values()]
    most = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"].get("maxReplicas") or each["spec"]["maxReplicaCount"]
        for each in scalers
    }
    needed = 10 + len(of_kind(manifests, "ScaledObject"))
    for deployment, each in of_kind(manifests, "Deployment").items():
        module = each["spec"]["template"]["spec"]["containers"][0]["args"][2]
        fields = import_module(f"{module}.settings").Settings.model_fields
        lists = fields["lists_pool_size"].default if "lists_pool_size" in fields else 0
        pods = most.get(deployment) or each["spec"]["replicas"]
        needed += (pods + 1) * (fields["pool_size"].default + lists + 2 + (module == "vai_watchdog"))
    helm.text(FILES[name], {"database": {"maxConnections": needed}})
    with pytest.raises(Refused):
        helm.text(FILES[name], {"database": {"maxConnections": needed - 1}})


def test_migrations_come_before_the_services_or_beside_them_or_not_at_all() -> None:
    hook = of_kind(rendered("default"), "Job")["vai-migrate"]
    assert hook["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "serviceAccountName" not in hook["spec"]["template"]["spec"], "the chart's own is not there yet"
    (job,) = of_kind(rendered("operators"), "Job").values()
    assert "annotations" not in job["metadata"]
    newer = of_kind(helm.template(FILES["operators"], {"image": {"tag": "0.2.0"}}), "Job")
    assert job["metadata"]["name"] not in newer, "a Job cannot change: another image is another Job"
    assert of_kind(rendered("one-node"), "Job") == {}


def test_what_values_say_of_the_environment_wins_and_stands_once() -> None:
    elsewhere = {"configMapKeyRef": {"name": "brokers", "key": "kafka"}}
    of_agent = {"VAI_LOG_LEVEL": "debug", "VAI_KAFKA": {"valueFrom": elsewhere}}
    said = {"env": {"VAI_LOG_LEVEL": "warning"}, "workers": {"agent-worker": {"env": of_agent}}}
    deployments = of_kind(helm.template(FILES["minimal"], said), "Deployment")
    assert _env(deployments["vai-agent-worker"])["VAI_LOG_LEVEL"] == "debug"
    assert _env(deployments["vai-agent-worker"])["VAI_KAFKA"] == elsewhere
    assert _env(deployments["vai-watchdog"])["VAI_LOG_LEVEL"] == "warning"


def test_the_alerts_and_dashboards_are_those_that_were_tested() -> None:
    rules = of_kind(rendered("full"), "PrometheusRule")["vai"]["spec"]
    assert rules == yaml.safe_load((helm.ROOT / "deploy/alerts/rules.yaml").read_text())
    maps = of_kind(rendered("full"), "ConfigMap")
    shown = {key: value for each in maps.values() for key, value in each["data"].items() if key.endswith(".json")}
    assert shown == {path.name: path.read_text() for path in (helm.ROOT / "deploy/grafana").glob("*.json")}


def test_a_migration_has_what_its_way_to_the_database_needs() -> None:
    """A certificate, a proxy beside it, an account that is there."""
    proxy = {"name": "proxy", "image": "proxy:1", "restartPolicy": "Always"}
    pods: dict[str, Any] = {
        "volumes": [{"name": "ca", "secret": {"secretName": "ca"}}],
        "volumeMounts": [{"name": "ca", "mountPath": "/ca"}],
        "initContainers": [proxy],
        "annotations": {"sidecar.istio.io/inject": "false"},
    }
    said = {"pods": pods, "serviceAccount": {"name": "ours"}, "migrations": {"annotations": {"a": "b"}}}
    job = of_kind(helm.template(FILES["minimal"], said), "Job")["vai-migrate"]
    assert job["metadata"]["annotations"]["a"] == "b"
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    template = job["spec"]["template"]
    assert template["metadata"]["annotations"] == pods["annotations"]
    spec = template["spec"]
    assert spec["serviceAccountName"] == "ours"
    assert spec["initContainers"] == [proxy]
    assert pods["volumes"][0] in spec["volumes"]
    assert pods["volumeMounts"][0] in spec["containers"][0]["volumeMounts"]


def test_a_migration_reaches_the_database_before_the_chart_has_made_anything() -> None:
    """In a namespace that somebody else has closed, what opens it for the hook has to come before the hook."""
    opened = of_kind(rendered("full"), "NetworkPolicy")["vai-migrate"]["metadata"]["annotations"]
    assert opened["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert int(opened["helm.sh/hook-weight"]) < 0
    assert "annotations" not in of_kind(rendered("operators"), "NetworkPolicy")["vai-migrate"]["metadata"]


def test_every_pod_trusts_the_authorities_of_the_bundle() -> None:
    runs = [each for each in rendered("full") if each["kind"] in ("Deployment", "Job", "Pod")]
    assert len(runs) > 8
    for each in runs:
        pod = pod_of(each)
        (env,) = [said["value"] for said in pod["containers"][0]["env"] if said["name"] == "SSL_CERT_FILE"]
        assert env == "/etc/vai/ca/ca.crt"
        assert {"name": "ca", "configMap": {"name": "our-authorities"}} in pod["volumes"]


def test_without_room_one_pod_goes_before_the_next_one_comes() -> None:
    deployments = of_kind(helm.template(FILES["one-node"], {"maxSurge": 0}), "Deployment").values()
    rolls = [each["spec"]["strategy"]["rollingUpdate"] for each in deployments]
    assert all(roll == {"maxSurge": 0, "maxUnavailable": 1} for roll in rolls)


def test_a_worker_can_be_left_out_of_scaling() -> None:
    said = {"workers": {"crm-extract": {"scaling": {"enabled": False}, "replicas": 2}}}
    manifests = helm.template(FILES["full"], said)
    assert "vai-crm-extract" not in of_kind(manifests, "ScaledObject")
    assert of_kind(manifests, "Deployment")["vai-crm-extract"]["spec"]["replicas"] == 2


def test_a_load_balancer_does_not_show_metrics() -> None:
    services = of_kind(helm.template(FILES["minimal"], {"gateway": {"serviceType": "LoadBalancer"}}), "Service")
    assert [port["name"] for port in services["vai"]["spec"]["ports"]] == ["http"]
    assert services["vai-metrics"]["spec"].get("type", "ClusterIP") == "ClusterIP"


def test_prometheus_leaves_our_own_labels_alone() -> None:
    """The operator labels what it scrapes by the Service's name: `service` of `vai_build_info` would be lost, by which
    the dashboards tell services apart."""
    ours = {label for metric in declared() for label in metric.labels}
    assert ours & {"service", "namespace", "pod", "container", "endpoint", "job", "instance"} == {"service"}
    for kind, endpoints in (("ServiceMonitor", "endpoints"), ("PodMonitor", "podMetricsEndpoints")):
        (monitor,) = of_kind(rendered("full"), kind).values()
        assert all(endpoint["honorLabels"] for endpoint in monitor["spec"][endpoints])


@pytest.mark.parametrize(
    ("said", "resting"),
    [
        ({}, []),
        ({"keda": {"enabled": True}}, ["--resting=dlt_extract,duckdb_transform,file_sync"]),
        (
            {"keda": {"enabled": True}, "workers": {"extract-worker": {"scaling": {"min": 1}}}},
            ["--resting=duckdb_transform"],
        ),
        (
            {"unservedKinds": ["dlt_extract", "file_sync"], "workers": {"extract-worker": None}},
            ["--resting=dlt_extract,file_sync"],
        ),
    ],
)
def test_the_doctor_of_helm_test_lets_rest_what_may_rest(said: dict[str, Any], resting: list[str]) -> None:
    """Otherwise `helm test` fails where all is well."""
    doctor = of_kind(helm.template((), said), "Pod")["vai-test-doctor"]["spec"]["containers"][0]
    assert doctor["args"] == ["python", "-m", "vai_worker.doctor", *resting]


def test_no_operator_writes_over_a_secret_that_the_values_name() -> None:
    """Strimzi names a user's Secret as the user, and writes it whole."""
    (user,) = of_kind(rendered("operators"), "KafkaUser")
    mine = _secrets(yaml.safe_load((helm.CHART / "values.yaml").read_text()))
    assert user not in mine
    env = _env(of_kind(rendered("operators"), "Deployment")["vai-api-gateway"])
    assert env["VAI_KAFKA_USER"] == user
    assert env["VAI_KAFKA_PASSWORD"]["secretKeyRef"]["name"] == user


def _secrets(values: Any) -> set[str]:
    """Every `existingSecret` among values."""
    if not isinstance(values, dict):
        return set()
    own = {value for name, value in values.items() if name.endswith("Secret") and value}
    return own.union(*(_secrets(value) for value in values.values()))
