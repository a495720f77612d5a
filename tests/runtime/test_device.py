"""The one place that decides the device and the threads."""

from __future__ import annotations

import pytest

from crossmodal.runtime import device
from crossmodal.runtime.cuda_probe import DEVICE_VARIABLE
from crossmodal.runtime.errors import SetupError


@pytest.fixture
def jt(monkeypatch: pytest.MonkeyPatch):
    """Jittor, with its device and threads put back after the test."""
    from crossmodal.runtime import jt

    monkeypatch.delenv(DEVICE_VARIABLE, raising=False)
    use_cuda, threads = jt.flags.use_cuda, device.threads()
    yield jt
    jt.flags.use_cuda = use_cuda
    device.set_threads(threads)


def test_auto_takes_what_there_is(jt) -> None:
    expected = "cuda" if jt.has_cuda else "cpu"
    assert device.use_device() == device.use_device("auto") == expected
    assert bool(jt.flags.use_cuda) == (expected == "cuda")


def test_cpu(jt) -> None:
    assert device.use_device("cpu") == "cpu"
    assert not jt.flags.use_cuda


def test_cuda_where_there_is_none(jt) -> None:
    if jt.has_cuda:
        assert device.use_device("cuda") == "cuda"
        return
    with pytest.raises(SetupError, match="device cuda was asked for, but "):
        device.use_device("cuda")


def test_unknown_device(jt) -> None:
    with pytest.raises(SetupError, match="'gpu' is not a device: use one of auto, cpu, cuda"):
        device.use_device("gpu")


def test_the_environment_wins(jt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEVICE_VARIABLE, "cpu")
    assert device.use_device("cuda") == "cpu"


def test_threads(jt, monkeypatch: pytest.MonkeyPatch) -> None:
    device.use_device("cpu", thread_count=1)
    assert device.threads() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    device.use_device("cpu")
    assert device.threads() == 3
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert device.default_threads() >= 1
    with pytest.raises(ValueError, match="at least one thread"):
        device.set_threads(0)


def test_mixed_precision_is_for_the_gpu() -> None:
    device.check_precision("mixed", "cuda")
    device.check_precision("float32", "cpu")
    with pytest.raises(SetupError, match="needs a GPU"):
        device.check_precision("mixed", "cpu")
