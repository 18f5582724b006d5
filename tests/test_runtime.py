"""What a process sets up before it computes."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from lpasrn_jax import runtime
print("started")
runtime.restart_with_huge_pages()
print(os.environ["GLIBC_TUNABLES"], sys.argv[1:])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's malloc is Linux's")
@pytest.mark.parametrize(("tunables", "starts", "found"), [
    (None, 2, "glibc.malloc.hugetlb=1"),
    ("glibc.malloc.check=0", 1, "glibc.malloc.check=0"),
], ids=["not set", "set by the user"])  # fmt: skip
def test_restarts_once_with_huge_pages_and_the_same_arguments(tmp_path, tunables, starts, found):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if name != "GLIBC_TUNABLES"}
    environment |= {"GLIBC_TUNABLES": tunables} if tunables else {}
    done = subprocess.run(
        [sys.executable, str(script), "--a=b c", "d"], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == ["started"] * starts + [f"{found} ['--a=b c', 'd']"]
