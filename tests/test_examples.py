"""The files in examples/: they parse, and say what this project and JAX understand."""

import pathlib
import re
import subprocess
import tomllib

import pytest
import yaml
from jax._src.clusters.k8s_cluster import K8sCluster

from lpasrn_jax.commands.training_flags import load_config, split_overrides

pytestmark = pytest.mark.filterwarnings("ignore:the load_module:DeprecationWarning")  # ml_collections loads config files with it

ROOT = pathlib.Path(__file__).parents[1]
SBATCH = ROOT / "examples" / "slurm" / "train.sbatch"
DOCKERFILE = (ROOT / "examples" / "Dockerfile").read_text()
OBJECTS = list(yaml.safe_load_all((ROOT / "examples" / "kubernetes" / "train.yaml").read_text()))
JOBSET = OBJECTS[-1]
JOB = JOBSET["spec"]["replicatedJobs"][0]["template"]["spec"]
POD = JOB["template"]["spec"]
CONTAINER = POD["containers"][0]


def check_training_arguments(arguments):
    """They are overrides of keys that exist, and flags that `train_progressive.py --help` explains."""
    own, overrides = split_overrides(arguments)
    load_config(f"{ROOT}/configs/stage1.py", overrides)
    source = "".join(
        (ROOT / name).read_text() for name in ("lpasrn_jax/commands/training_flags.py", "scripts/train_progressive.py")
    )
    for argument in own:
        assert f'"{argument.lstrip("-").partition("=")[0]}"' in source, argument


def test_the_slurm_script_parses_and_starts_training():
    subprocess.run(["bash", "-n", SBATCH], check=True)
    text = SBATCH.read_text()
    assert "#SBATCH --requeue" in text
    arguments = re.findall(r"(?<=\s)--(?:stage|workdir|tensorboard|stopped_code|config\.[\w.]+)=\S+", text)
    assert len(arguments) == 6
    check_training_arguments(arguments)


@pytest.mark.parametrize(("training", "signal", "code", "requeued"), [
    ("exit 0", "", 0, False),
    ("exit 3", "", 3, False),
    ("trap 'exit 75' TERM; sleep 30 & wait", "USR1", 75, True),
    ("trap 'exit 75' TERM; sleep 30 & wait", "TERM", 75, True),
])  # fmt: skip
def test_a_stopped_slurm_job_waits_in_the_queue_again(tmp_path, training, signal, code, requeued):
    """The script itself, with an srun that is a shell: it says when it runs, and ends as training does."""
    stub = {"srun": f"touch started; {training}", "scontrol": 'echo "$@" > requeued'}
    for name, body in stub.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{body}\n")
        (tmp_path / name).chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_SUBMIT_DIR": str(tmp_path), "SLURM_JOB_ID": "7"}
    job = subprocess.Popen(["bash", SBATCH], env=environment, cwd=tmp_path)
    if signal:
        wait = f"until [ -e started ]; do sleep 0.05; done; sleep 0.2; kill -{signal} {job.pid}"
        subprocess.run(["bash", "-c", wait], cwd=tmp_path, check=True, timeout=60)
    assert job.wait(timeout=60) == code
    assert (tmp_path / "requeued").exists() == requeued
    if requeued:
        assert (tmp_path / "requeued").read_text() == "requeue 7\n"


def test_the_jobset_starts_training_and_its_pods_find_each_other():
    assert [one["kind"] for one in OBJECTS] == ["ServiceAccount", "Role", "RoleBinding", "JobSet"]
    assert JOB["parallelism"] == JOB["completions"] > 1
    assert JOB["completionMode"] == "Indexed"
    assert [port["containerPort"] for port in CONTAINER["ports"]] == [int(K8sCluster._coordinator_port)]
    assert JOBSET["spec"]["network"]["subdomain"] == JOBSET["metadata"]["name"]  # JAX takes the one for the other
    assert CONTAINER["command"] == ["python", "scripts/train_progressive.py"]
    check_training_arguments(CONTAINER["args"])
    assert {mount["name"] for mount in CONTAINER["volumeMounts"]} == {volume["name"] for volume in POD["volumes"]}


def test_the_service_account_may_read_what_jax_asks_for():
    account, role, binding, _ = OBJECTS
    assert POD["serviceAccountName"] == account["metadata"]["name"] == binding["subjects"][0]["name"]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    allowed = {(resource, verb) for rule in role["rules"] for resource in rule["resources"] for verb in rule["verbs"]}
    assert allowed >= {("pods", "list"), ("jobs", "get"), ("services", "list")}


MODELS = {"ServiceAccount": "V1ServiceAccount", "Role": "V1Role", "RoleBinding": "V1RoleBinding"}


def test_each_field_is_one_of_kubernetes():
    client = pytest.importorskip("kubernetes").client
    for one in OBJECTS[:-1]:
        check_fields(one, MODELS[one["kind"]], client, one["kind"])
    check_fields(JOB, "V1JobSpec", client, "JobSet job")


def check_fields(value, type_name, client, where):
    """Raises for a field that a type of the Kubernetes API does not have, or whose value is of another kind, at any depth."""
    if inner := re.fullmatch(r"[Ll]ist\[(.*)\]|[Dd]ict[\[(]\w+, (.*)[\])]", type_name):
        assert isinstance(value, list if inner[1] else dict), where
        for key, item in enumerate(value) if inner[1] else value.items():
            check_fields(item, inner[1] or inner[2], client, f"{where}.{key}")
        return
    plain = {"str": (str, int), "int": int, "bool": bool, "object": object}.get(type_name)
    if plain:
        assert isinstance(value, plain), f"{where} is {value!r}"
        return
    model = getattr(client, type_name)
    names = {name: python for python, name in model.attribute_map.items()}
    assert isinstance(value, dict), where
    for key, item in value.items():
        assert key in names, f"{where}.{key} is no field of {type_name}"
        check_fields(item, model.openapi_types[names[key]], client, f"{where}.{key}")


def test_the_image_is_built_from_what_is_there():
    for sources in re.findall(r"^COPY (.*) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split())
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    asked = re.search(r"ARG EXTRAS=(\S+)", DOCKERFILE)[1].split(",")
    assert {*asked, "cuda"} <= extras.keys()
    assert "ARG DEVICE=cpu" in DOCKERFILE
    case = re.search(r"RUN (case .*? esac)", DOCKERFILE, re.DOTALL)[1].replace("\\\n", "")
    for device, expected in (("cpu", "train,k8s"), ("cuda", "train,k8s,cuda")):
        shell = f'DEVICE={device} EXTRAS=train,k8s; {case}; echo "$extras"'
        assert subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=True).stdout.strip() == expected
    assert subprocess.run(["bash", "-c", f"DEVICE=tpu; {case}"], capture_output=True, check=False).returncode == 1
