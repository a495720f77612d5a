"""Jittor through the runtime: in any order, twice, in threads and worker processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from crossmodal.runtime import home, jittor_setup
from crossmodal.runtime.locks import locked

pytestmark = pytest.mark.usefixtures("built")

CONVOLVE = "jt.nn.conv2d(jt.ones((1, 3, 8, 8)), jt.ones((2, 3, 3, 3))).sum().item()"
EXPECTED = "1944.0"


def ok(ended) -> str:
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def prepared() -> dict[str, str]:
    """What the runtime set for Jittor in this process, for a program that imports it plainly."""
    names = ("nvcc_path", "cache_name", "python_config_path", "log_silent", "cc_flags")
    place = str(home.jittor_home())  # as the user's home too: or Jittor would remember it for ever
    overlay = str(Path(sys.modules["jittor"].__file__).parent.parent)
    return {"HOME": place, "PYTHONPATH": overlay,
            **{name: os.environ.get(name, "") for name in names}}


def test_the_package_alone_is_light(run) -> None:
    code = (
        "import sys, crossmodal.runtime\n"
        "from crossmodal.runtime import seeds, paths, log, atomic\n"
        "print([name for name in sys.modules if name.startswith('jittor')])"
    )
    assert ok(run(code)) == "[]"


def test_package_then_jittor(run) -> None:
    code = f"from crossmodal.runtime import jt\nimport jittor\nprint(jt is jittor, {CONVOLVE})"
    assert ok(run(code)) == f"True {EXPECTED}"


def test_jittor_then_package(run) -> None:
    code = f"import jittor\nfrom crossmodal.runtime import jt\nprint(jt is jittor, {CONVOLVE})"
    assert ok(run(code, **prepared())) == f"True {EXPECTED}"


def test_numpys_limits_raise_no_warning_behind_jittor(run) -> None:
    """Its operators switch subnormal numbers off, which NumPy would tell every user."""
    code = (
        "from crossmodal.runtime import jt\n"
        "import numpy as np, warnings\n"
        "(jt.ones((3,)) * 2).sync()\n"
        "print(np.float32(1e-30) * np.float32(1e-10))\n"
        "warnings.simplefilter('error')\n"
        "print(np.finfo(np.float32).tiny, np.finfo(np.float64).tiny)"
    )
    assert ok(run(code)) == "0.0\n1.1754944e-38 2.2250738585072014e-308"


def test_jittor_imported_first_compiles_into_the_same_cache(run) -> None:
    """Settings that differed would compile every operator again, and again after that."""
    code = "import jittor\nfrom crossmodal.runtime import jt\nprint(jt.flags.python_path)"
    other = "from crossmodal.runtime import jt\nprint(jt.flags.python_path)"
    assert ok(run(code, **prepared())) == ok(run(other))


def test_after_an_import_of_jittor_that_failed(run) -> None:
    """Only one of the two folders leads upstream's import into an error half way through."""
    code = (
        "import os\n"
        "try:\n    import jittor\nexcept UnboundLocalError:\n    print('failed')\n"
        "del os.environ['mkl_include_path'], os.environ['mkl_lib_path']\n"
        f"from crossmodal.runtime import jt\nprint({CONVOLVE})"
    )
    broken = {"mkl_include_path": "/nowhere", "mkl_lib_path": "/nowhere"}
    assert ok(run(code, **prepared(), **broken)) == f"failed\n{EXPECTED}"


def test_many_threads_at_once(run) -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from crossmodal.runtime.jittor_setup import load_jittor\n"
        "with ThreadPoolExecutor(4) as pool:\n"
        "    modules = list(pool.map(lambda _: load_jittor(), range(4)))\n"
        "jt = modules[0]\n"
        f"print(len(set(map(id, modules))), {CONVOLVE})"
    )
    assert ok(run(code)) == f"1 {EXPECTED}"


@pytest.mark.parametrize("used_before", [False, True])
@pytest.mark.parametrize("method", ["spawn", "fork"])
def test_in_a_worker_process(run, method: str, used_before: bool, tmp_path) -> None:
    """In a forked worker too, after the parent has computed with several threads."""
    (tmp_path / "workers.py").write_text(
        f"def work(queue):\n    from crossmodal.runtime import jt\n    queue.put({CONVOLVE})\n"
    )
    before = "from crossmodal.runtime import jt\njt.matmul(jt.ones((300, 300)), "
    before += f"jt.ones((300, 300))).sync()\n{CONVOLVE}\n"
    code = (
        f"{before if used_before else ''}"
        "import multiprocessing, workers\n"
        f"context = multiprocessing.get_context({method!r})\n"
        "queue = context.Queue()\n"
        "worker = context.Process(target=workers.work, args=(queue,), daemon=True)\n"
        "worker.start()\n"
        "print(queue.get(timeout=120))\n"
        "worker.join(20)"
    )
    assert ok(run(code, PYTHONPATH=str(tmp_path))) == EXPECTED


def test_random_states_and_certificates_stay(run) -> None:
    code = (
        "import random, ssl, numpy as np\n"
        "random.seed(1); np.random.seed(1)\n"
        "expected = random.Random(1).random(), np.random.RandomState(1).rand()\n"
        "from crossmodal.runtime import jt\n"
        "print((random.random(), np.random.rand()) == expected,\n"
        "      ssl._create_default_https_context().verify_mode == ssl.CERT_REQUIRED)"
    )
    assert ok(run(code)) == "True True"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_ctrl_c_is_an_exception(run) -> None:
    code = (
        "import os, signal\nfrom crossmodal.runtime import jt\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT)\n    signal.pause()\n"
        "except KeyboardInterrupt:\n    print('caught')"
    )
    assert ok(run(code)) == "caught"


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_a_killed_child_does_not_end_the_program(run) -> None:
    code = (
        "import subprocess\nfrom crossmodal.runtime import jt\n"
        "child = subprocess.Popen(['sleep', '60'])\nchild.kill()\nprint(child.wait())"
    )
    assert ok(run(code)) == "-9"


def test_a_long_wait_for_another_process_is_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(jittor_setup, "_PATIENCE_SECONDS", 0.2)
    jittor_setup._say_if_waiting(tmp_path / "jittor.lock")
    with locked(tmp_path / "jittor.lock"):
        pass
    jittor_setup._say_if_waiting(tmp_path / "jittor.lock")
    assert capsys.readouterr().err == ""
    with locked(tmp_path / "jittor.lock"):
        jittor_setup._say_if_waiting(tmp_path / "jittor.lock")
    assert "waiting for another process that is building Jittor" in capsys.readouterr().err


def test_nothing_on_standard_output(run) -> None:
    assert ok(run("from crossmodal.runtime import jt")) == ""


def test_the_cache_does_not_depend_on_the_git_branch(run) -> None:
    code = "from crossmodal.runtime import jt\nprint(jt.flags.cache_path)"
    folder = ok(run(code))
    assert folder.startswith(str(home.cache_root(home.jittor_home())))
    expected = "crossmodal" if np.__version__.startswith("1.") else "crossmodal-numpy2"
    assert folder.rsplit("/", 1)[1] == os.environ["cache_name"] == expected
