"""The recipes of docs/clusters.md: what a queue or a cluster would refuse, and what would train the wrong shards."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import dask
import pytest
import yaml
from dask.distributed import LocalCluster
from dask_jobqueue.slurm import SLURMJob
from distributed.cli.dask_scheduler import main as scheduler
from distributed.cli.dask_worker import main as worker

from ravine.cli.main import ravine
from ravine.storage.store import RunStore

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "clusters.md").read_text(encoding="utf-8")
RECIPES = ROOT / "docs" / "cluster"
SBATCH = RECIPES / "shards.sbatch"

SBATCH_OPTIONS = {
    *("account", "array", "constraint", "cpus-per-task", "error", "job-name", "mem", "mem-per-cpu", "open-mode"),
    *("output", "partition", "qos", "requeue", "signal", "time"),
}
"""Those of `man sbatch` that a recipe of one task may need."""


def text_of(name: str) -> str:
    return (RECIPES / name).read_text(encoding="utf-8")


def sbatch_options() -> dict[str, str]:
    """Return the options of the Slurm script, by name."""
    lines = re.findall(r"^#SBATCH (\S+)$", SBATCH.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == SBATCH.read_text(encoding="utf-8").count("#SBATCH")
    parts = [line.removeprefix("--").partition("=") for line in lines]
    return {name: value for name, _, value in parts}


def documents(name: str) -> dict[str, Any]:
    """Return the objects of a file for Kubernetes, by kind."""
    return {one["kind"]: one for one in yaml.safe_load_all(text_of(name))}


def assert_parses(words: list[str]) -> None:
    """Fail if `ravine` does not know a command, or an option of it."""
    assert words[:3] == ["ravine", "study", "run"]
    context = click.Context(ravine, **ravine.context_settings)
    study = ravine.get_command(context, "study")
    assert isinstance(study, click.Group)
    command = study.get_command(context, "run")
    assert command is not None
    command.make_context("run", words[3:], parent=context)


def test_the_page_shows_every_recipe():
    shown = set(re.findall(r"^```\{literalinclude\} cluster/(\S+)$", PAGE, re.MULTILINE))
    assert shown == {file.name for file in RECIPES.iterdir()}
    assert all(f"](cluster/{name})" in PAGE for name in shown)


def test_the_sbatch_script_is_bash():
    subprocess.run(["bash", "-n", SBATCH], check=True)


def test_sbatch_knows_the_options_of_the_script():
    assert set(sbatch_options()) <= SBATCH_OPTIONS


def test_sbatch_takes_the_script():
    if shutil.which("sbatch") is None or subprocess.run(["sinfo"], capture_output=True).returncode != 0:
        pytest.skip("no Slurm answers")
    # Whatever this Slurm has, it has one core and some memory.
    small = ["--cpus-per-task=1", "--mem=100M"]
    found = subprocess.run(["sbatch", "--test-only", *small, SBATCH, "rates.toml"], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_the_array_has_a_job_for_each_shard():
    (line,) = re.findall(r"^exec (.*)$", SBATCH.read_text(encoding="utf-8"), re.MULTILINE)
    words = [word.replace("$1", "rates.toml").replace("$SLURM_CPUS_PER_TASK", "4") for word in shlex.split(line)]
    assert_parses(words)
    (count,) = re.findall(r"--shard auto/(\d+)", line)
    assert sbatch_options()["array"] == f"1-{count}"


def test_the_array_stops_before_it_is_killed():
    options = sbatch_options()
    signal, seconds = re.fullmatch(r"B:(\w+)@(\d+)", options["signal"]).groups()
    hours, minutes, _ = (int(part) for part in options["time"].split(":"))
    assert signal in ("INT", "TERM")
    assert 60 <= int(seconds) < hours * 3600 + minutes * 60


def test_the_indexed_job_has_a_pod_for_each_shard():
    job = documents("shards.yaml")["Job"]
    assert job["apiVersion"] == "batch/v1"
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    words = container["command"]
    assert_parses(words)
    assert spec["completionMode"] == "Indexed"
    assert words[words.index("--shard") + 1] == f"auto/{spec['completions']}"
    assert 1 <= spec["parallelism"] <= spec["completions"]
    assert words[words.index("--jobs") + 1] == container["resources"]["requests"]["cpu"]


def test_the_indexed_job_has_the_fields_that_kubernetes_asks_for():
    spec = documents("shards.yaml")["Job"]["spec"]
    pod = spec["template"]["spec"]
    assert set(spec) <= {
        "completionMode",
        "completions",
        "parallelism",
        "backoffLimitPerIndex",
        "podFailurePolicy",
        "template",
    }
    assert set(pod) <= {"restartPolicy", "securityContext", "nodeSelector", "containers", "volumes"}
    assert pod["restartPolicy"] == "Never"  # podFailurePolicy and backoffLimitPerIndex ask for it
    for rule in spec["podFailurePolicy"]["rules"]:
        assert rule["action"] in ("Ignore", "FailIndex")
        assert ("onExitCodes" in rule) != ("onPodConditions" in rule)
        assert 0 not in rule.get("onExitCodes", {"values": []})["values"]  # Kubernetes refuses 0


def test_what_the_indexed_job_mounts_is_there():
    found = documents("shards.yaml")
    pod = found["Job"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == set(volumes)
    claim = found["PersistentVolumeClaim"]
    assert (claim["apiVersion"], claim["spec"]["accessModes"]) == ("v1", ["ReadWriteMany"])
    assert volumes["runs"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    places = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    words = container["command"]
    assert words[words.index("--out") + 1] == places["runs"]
    assert words[3] == f"{places['study']}/rates.toml"
    assert f"kubectl create configmap {volumes['study']['configMap']['name']} --from-file=rates.toml" in PAGE


def test_the_dask_cluster_is_found_by_its_service():
    cluster = documents("dask.yaml")["DaskCluster"]
    assert cluster["apiVersion"] == "kubernetes.dask.org/v1"
    name, scheduler = cluster["metadata"]["name"], cluster["spec"]["scheduler"]
    labels = {"dask.org/cluster-name": name, "dask.org/component": "scheduler"}  # the operator sets them
    assert scheduler["service"]["selector"] == labels
    (container,) = scheduler["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"]: port["port"] for port in scheduler["service"]["ports"]} == ports
    assert ports["tcp-comm"] == 8786
    assert container["readinessProbe"]["httpGet"]["port"] in ports
    assert f"port-forward service/{name}-scheduler 8786 " in PAGE


def test_only_the_dask_cluster_and_its_operator_reach_it():
    found = documents("dask.yaml")
    policy = found["NetworkPolicy"]
    assert policy["apiVersion"] == "networking.k8s.io/v1"
    own = {"matchLabels": {"dask.org/cluster-name": found["DaskCluster"]["metadata"]["name"]}}
    assert policy["spec"]["podSelector"] == own
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    (rule,) = policy["spec"]["ingress"]
    pods, operator = rule["from"]
    assert pods == {"podSelector": own}
    assert operator == {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dask-operator"}}}


@pytest.mark.parametrize("part", ["scheduler", "worker"])
def test_dask_knows_the_commands_of_the_dask_cluster(part):
    (container,) = documents("dask.yaml")["DaskCluster"]["spec"][part]["spec"]["containers"]
    assert container["args"][:2] == ["dask", part]
    {"scheduler": scheduler, "worker": worker}[part].make_context(part, container["args"][2:])


def test_a_worker_trains_as_many_runs_as_it_has_cores():
    (container,) = documents("dask.yaml")["DaskCluster"]["spec"]["worker"]["spec"]["containers"]
    arguments = container["args"]
    assert arguments[arguments.index("--nthreads") + 1] == container["resources"]["requests"]["cpu"]
    assert arguments[arguments.index("--memory-limit") + 1] == container["resources"]["limits"]["memory"] + "B"


def test_the_image_is_the_one_that_the_dockerfile_makes():
    first, *steps = text_of("Dockerfile").splitlines()
    (image,) = re.findall(r"docker build -t (\S+) -f docs/cluster/Dockerfile \.$", first)
    assert text_of("shards.yaml").count(f"image: {image}\n") == 1
    assert text_of("dask.yaml").count(f"image: {image}\n") == 2
    assert {step.split()[0] for step in steps} == {"FROM", "COPY", "RUN", "USER"}
    (uid,) = re.findall(r"--uid (\d+)", text_of("Dockerfile"))
    assert documents("shards.yaml")["Job"]["spec"]["template"]["spec"]["securityContext"] == {"fsGroup": int(uid)}


def test_dask_knows_the_settings_of_tls():
    def names(tree: dict[str, Any], above: str = "") -> list[str]:
        inner = [
            names(value, f"{above}{key}.") if isinstance(value, dict) else [above + key] for key, value in tree.items()
        ]
        return [name for some in inner for name in some]

    found = names(yaml.safe_load(text_of("tls.yaml")))
    assert len(found) == 8
    for name in found:
        dask.config.get(name)  # KeyError if Dask has no such setting


def run_slurm_recipe(monkeypatch, arguments, make_cluster):
    """Run slurm.py, with a function in place of SLURMCluster, and return its exit code."""
    stand_in = ModuleType("dask_jobqueue")
    stand_in.SLURMCluster = make_cluster
    monkeypatch.setitem(sys.modules, "dask_jobqueue", stand_in)
    monkeypatch.setattr(sys, "argv", ["slurm.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(RECIPES / "slurm.py"), run_name="__main__")
    return end.value.code


def dask_stand_in(asked):
    """Return what stands in for SLURMCluster: workers on this machine. `asked` gets what the recipe asks for."""

    class OnThisMachine(LocalCluster):
        def __init__(self, **options: Any) -> None:
            asked.update(options)
            super().__init__(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None)

        def adapt(self, **options: Any) -> None:  # type: ignore[override]
            asked["adapt"] = options

    return OnThisMachine


STUDY = """
name = "tiny"
seeds = [0, 1]
[settings]
dataset = "small"
layers = [64, 10]
epochs = 1
batch_size = 20
engine = "reference"
[[groups]]
name = "rates"
rows = [{ lr = 0.1 }, { batch_size = BATCH }]
"""


def test_the_slurm_recipe_runs_a_study(small, runs, tmp_path, monkeypatch):
    (tmp_path / "tiny.toml").write_text(STUDY.replace("BATCH", "50"), encoding="utf-8")
    asked: dict[str, Any] = {}
    assert run_slurm_recipe(monkeypatch, [tmp_path / "tiny.toml"], dask_stand_in(asked)) == 0
    assert len(RunStore(runs).ids()) == 4
    assert asked["adapt"] == {"minimum_jobs": 16, "maximum_jobs": 16}


def test_the_slurm_recipe_tells_which_runs_failed(small, runs, tmp_path, monkeypatch, capsys):
    text = STUDY.replace("BATCH", "231")  # the data set has 230 samples
    (tmp_path / "tiny.toml").write_text(text, encoding="utf-8")
    assert run_slurm_recipe(monkeypatch, [tmp_path / "tiny.toml"], dask_stand_in({})) == 5
    assert len(RunStore(runs).ids()) == 2
    out, err = capsys.readouterr()
    assert out == "StudyOutcome(2 of 4 runs stored, 2 failed)\n"
    assert len([line for line in err.splitlines() if line.startswith("run ")]) == 2


def test_the_slurm_recipe_says_what_slurm_and_dask_understand(tmp_path, monkeypatch):
    asked: dict[str, Any] = {}

    class Asked(Exception):
        pass

    def remember(**options: Any) -> None:
        asked.update(options)
        raise Asked

    with pytest.raises(Asked):
        run_slurm_recipe(monkeypatch, ["rates.toml"], remember)
    monkeypatch.chdir(tmp_path)  # the folder of the logs is made at once
    assert asked.pop("security") is True
    assert Path(asked.pop("shared_temp_directory")) == Path()
    script = SLURMJob("tls://head:8786", name="worker-0", **asked).job_script()
    assert "#SBATCH --cpus-per-task=4\n" in script
    assert "#SBATCH --mem=4G\n" in script
    words = shlex.split(script.strip().splitlines()[-1])
    assert words[1:3] == ["-m", "distributed.cli.dask_worker"]
    options = worker.make_context("worker", words[3:]).params
    assert (options["nthreads"], options["memory_limit"]) == (4, "4.00GiB")
    lifetime, stagger = (int(options[name].removesuffix("m")) for name in ("lifetime", "lifetime_stagger"))
    hours, minutes, _ = (int(part) for part in asked["walltime"].split(":"))
    assert 0 < stagger < lifetime
    assert lifetime + stagger < hours * 60 + minutes
