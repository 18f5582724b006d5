"""The package's commands, as far as they go without a GPU."""

import argparse
import concurrent.futures
import itertools
import json
import os
import pathlib
import re
import sys
import time

import jax
import pytest

from dcnv4_jax import api, bench, convolution_bench, golden, gpu_check, tune, workers, xla
from dcnv4_jax.workloads import WORKLOADS


def test_bench_writes_times_of_every_implementation(tmp_path, capsys):
    bench.main(["--workloads", "d-5", "--rounds", "1", "--seconds", "0.001", "--json", str(tmp_path / "times.json")])
    times = json.loads((tmp_path / "times.json").read_text())
    assert times["machine"]["jax"] == jax.__version__
    assert {record["direction"] for record in times["records"]} == {"forward", "forward+backward"}
    printed = capsys.readouterr().out
    for record in times["records"]:
        assert f"| {record['implementation']} | {record['milliseconds']:.3f} |" in printed
        assert (record["times_faster_than_xla"] == 1) == (record["implementation"] == "xla")


def test_bench_names_the_workloads_when_none_fits(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--workloads", "nothing"])
    assert "dcnv4-56x56-c128" in capsys.readouterr().err


def test_convolution_bench_times_output_and_gradients_beside_xla(capsys):
    convolution_bench.main(["--sizes", "1,4,6,16,16", "--rounds", "1", "--seconds", "0.001"])
    header, _, row = capsys.readouterr().out.splitlines()
    assert header.count(f"XLA of JAX {jax.__version__}") == 3
    first, *times = row.strip("| ").split(" | ")
    assert first == "1, 4, 6, 16, 16"
    assert len(times) == 6
    assert min(map(float, times)) > 0


@pytest.mark.parametrize("size", ["4,24", "1,2,3,4,x", "0,1,1,1,1"])
def test_convolution_bench_says_what_a_size_is(capsys, size):
    with pytest.raises(SystemExit):
        convolution_bench.main(["--sizes", size])
    assert f"{size!r} found; expected five numbers" in capsys.readouterr().err


def test_minimum_traffic_reads_and_writes_each_array_once():
    workload = WORKLOADS["lp-asrn-34x62-f64-b8"]
    value, offset_mask, output = 8 * 34 * 62 * 64, 8 * 34 * 62 * 112, 8 * 34 * 62 * 64
    assert workload.minimum_bytes("float32", backward=False) == 4 * (value + offset_mask + output)
    both = (value + offset_mask + output) + (value + offset_mask + output) + (value + offset_mask)
    assert workload.minimum_bytes("bfloat16", backward=True) == 2 * both


@pytest.mark.skipif(jax.default_backend() == "gpu", reason="is about a machine without a GPU")
@pytest.mark.parametrize("command", [gpu_check, tune])
def test_without_a_gpu_the_commands_say_so(command, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        command.main([])
    assert stop.value.code == 1
    assert "JAX sees no GPU" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_step_of_gpu_check_that_hangs_is_stopped_at_its_limit_and_the_others_run(monkeypatch, tmp_path):
    step = tmp_path / "step"
    step.write_text('#!/bin/sh\nif [ "$4" = agreement ]; then exec sleep 60; fi\n')
    step.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(step))  # which a step's process runs
    monkeypatch.setattr(gpu_check.triton, "unavailable", lambda: None)
    monkeypatch.setattr(gpu_check, "LIMITS", dict.fromkeys(gpu_check.STEPS, 20) | {"agreement": 0.5})
    began = time.monotonic()
    with pytest.raises(SystemExit) as end:
        gpu_check.main(["--out", str(tmp_path / "out")])
    assert end.value.code == 1
    assert time.monotonic() - began < 20
    steps = json.loads((tmp_path / "out/summary.json").read_text())["steps"]
    stopped = {"agreement": "stopped after 0.5 s, see agreement.log"}
    assert {name: result["outcome"] for name, result in steps.items()} == dict.fromkeys(gpu_check.STEPS, "passed") | stopped


def test_every_step_of_gpu_check_has_a_limit():
    assert gpu_check.LIMITS.keys() == gpu_check.STEPS.keys()


@pytest.fixture
def rehearsal(monkeypatch, tmp_path):
    """The options of a check of one tiny workload and one recorded case, for which XLA stands in as `triton`."""
    workload = WORKLOADS["one-pixel"]
    monkeypatch.setitem(api.IMPLEMENTATIONS, "triton", xla)
    monkeypatch.setattr(workers, "pool", concurrent.futures.ThreadPoolExecutor)  # which see what is patched here
    for name, workloads in {"ODD": (workload,), "LP_ASRN": (), "PUBLISHED": ()}.items():
        monkeypatch.setattr(gpu_check, name, workloads)
    problem = workload.arrays(0)
    results = jax.tree.leaves(bench.run(workload.spec, bench.DIRECTIONS[1], "xla", *problem))
    case = golden.Case("recorded", workload.spec, problem, tuple(results))
    golden.write_cases(tmp_path / "golden/cases.npz", [case], {})
    return argparse.Namespace(out=tmp_path, golden=tmp_path / "golden")


def test_gpu_check_compares_with_xla_and_with_recorded_arrays(rehearsal):
    gpu_check.check_agreement(rehearsal)
    errors = json.loads((rehearsal.out / "agreement.json").read_text())
    assert list(errors) == [
        "recorded float32 triton to recorded",
        "one-pixel float32 triton to xla",
        "one-pixel bfloat16 triton to xla",
    ]
    assert all(list(found) == list(golden.RESULTS) for found in errors.values())


def test_gpu_check_fails_where_a_result_is_wrong_or_no_number(rehearsal, monkeypatch):
    right = gpu_check._run

    def spoilt(spec, implementation, *problem):
        output, *gradients = right(spec, implementation, *problem)
        return output * (jax.numpy.nan if implementation == "triton" else 1), *gradients

    monkeypatch.setattr(gpu_check, "_run", spoilt)
    with pytest.raises(SystemExit, match="recorded float32.*one-pixel float32.*one-pixel bfloat16"):
        gpu_check.check_agreement(rehearsal)


def test_the_readme_examples_run():
    readme = pathlib.Path(__file__).parents[2] / "kernels/README.md"
    operator, linen, nnx, _ = re.findall(r"```python\n(.*?)```", readme.read_text(), flags=re.DOTALL)
    names = {}
    exec(operator + linen, names)
    results = (names["output"], *names["gradients"])
    assert [result.shape for result in results] == [(8, 34, 62, 64), (8, 34, 62, 64), (8, 34, 62, 108)]
    assert all(jax.numpy.std(result) > 0.5 for result in results)
    assert names.pop("features").shape == names["image"].shape
    exec(nnx, names)
    assert names["features"].shape == names["image"].shape


def test_processes_of_a_pool_take_their_turns(tmp_path):
    count = min(2, os.cpu_count())
    with workers.pool() as pool:
        held = [pool.submit(_hold_the_turn, tmp_path / str(number), count) for number in range(count)]
        spans = sorted(one.result() for one in held)
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


def _hold_the_turn(mark, count):
    mark.touch()
    while len(list(mark.parent.iterdir())) < count:  # until all of them are about to ask for it
        time.sleep(0.01)
    with workers.turn():
        start = time.monotonic()
        time.sleep(0.2)
        return start, time.monotonic()
