"""A run's folder: never overwritten by accident, never continued as another experiment."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crossmodal import checkpoint
from crossmodal.checkpoint import CheckpointError
from crossmodal.config import Config, ConfigError, LogConfig, load_config, override
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.models.view_attention import ViewAttention
from crossmodal.runtime import jt, paths, ranks
from crossmodal.training import run_state
from crossmodal.training.optimiser import Group, Optimiser
from crossmodal.training.run_state import Progress


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return Config(log=LogConfig(save_root=str(tmp_path), run_name="run"))


def network(dim: int = 8) -> ViewAttention:
    """Far smaller than a real one."""
    return ViewAttention(dim)


def optimiser(net: ViewAttention) -> Optimiser:
    return Optimiser([Group("all", dict(net.named_parameters()))])


def saved(config: Config) -> tuple[Path, ViewAttention]:
    folder, net = run_state.run_folder(config), network()
    run_state.start_folder(folder, config, resume=False)
    progress = Progress(epoch=2, step=3, total_steps=11, best=1 / 3, history=[{"epoch": 1}])
    run_state.save(folder, config, net, optimiser(net), progress, best=True)
    return folder, net


def test_relative_runs_lie_under_the_repository() -> None:
    config = override(Config(), ["data.name=cars"])
    assert run_state.run_folder(config) == paths.REPO_ROOT / "runs" / "cars"


def test_everything_comes_back(config: Config) -> None:
    folder, net = saved(config)
    other = network()
    progress = run_state.restore(folder, config, other, optimiser(other))
    assert progress == Progress(epoch=2, step=3, total_steps=11, best=1 / 3,
                                history=[{"epoch": 1}])
    for name, tensor in named_tensors(net).items():
        assert np.array_equal(tensor.numpy(), named_tensors(other)[name].numpy())
    assert (folder / "best.safetensors").read_bytes() == (folder / "last.safetensors").read_bytes()


def test_a_broken_network_is_not_saved(config: Config) -> None:
    """A NaN inside a network need not reach its loss; the last good checkpoint stays."""
    folder, net = saved(config)
    before = (folder / "last.safetensors").read_bytes()
    name, tensor = next(iter(named_tensors(net).items()))
    values = tensor.numpy()
    values.flat[0] = np.nan
    assign(named_tensors(net), {name: values})
    with pytest.raises(FloatingPointError, match=f"step 12: 1 of .*first: {name}"):
        run_state.save(folder, config, net, optimiser(net), Progress(total_steps=12), best=True)
    assert (folder / "last.safetensors").read_bytes() == before


def test_the_stored_configuration_is_the_whole_one(config: Config) -> None:
    folder, _ = saved(config)
    assert load_config(folder / "config.yaml") == config


def test_a_new_run_does_not_overwrite_another(config: Config) -> None:
    folder, _ = saved(config)
    with pytest.raises(FileExistsError, match="already holds a run: go on with --resume"):
        run_state.start_folder(folder, config, resume=False)
    run_state.start_folder(folder, config, resume=True)


def test_other_settings_are_refused_by_name(config: Config) -> None:
    folder, _ = saved(config)
    other = override(config, ["optim.lr=0.1", "loss.contrast=0.5"])
    with pytest.raises(CheckpointError, match="loss.contrast: 1.0 -> 0.5; optim.lr: 5e-05 -> 0.1"):
        run_state.restore(folder, other, network(), optimiser(network()))


def test_settings_that_change_no_result_may_change(config: Config) -> None:
    folder, _ = saved(config)
    other = override(config, ["data.workers=0", "optim.epochs=7", "log.log_every=3",
                              "data.root=elsewhere"])
    assert run_state.restore(folder, other, network(), optimiser(network())).epoch == 2


def test_another_network_is_refused_by_name(config: Config) -> None:
    folder, _ = saved(config)
    with pytest.raises(CheckpointError, match=r"linear_in.weight \(8, 8\) instead of \(9, 9\)"):
        run_state.restore(folder, config, network(9), optimiser(network(9)))


def test_nothing_to_resume_is_said(config: Config) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint.* without --resume"):
        run_state.restore(run_state.run_folder(config), config, network(), optimiser(network()))


def test_a_restored_tensor_keeps_its_place_in_the_optimiser() -> None:
    """The optimiser made before the restoration moves the restored tensor."""
    net = network()
    rule = optimiser(net)
    start = np.zeros((8, 8), np.float32)
    assign(named_tensors(net), {"linear_in.weight": start})
    rule.step((net.linear_in.weight * jt.ones((8, 8))).sum(), 0.5)
    assert np.allclose(net.linear_in.weight.numpy(), -0.5)


def test_a_refused_resumption_leaves_the_stored_configuration(config: Config) -> None:
    folder, _ = saved(config)
    run_state.start_folder(folder, override(config, ["optim.lr=0.1"]), resume=True)
    assert load_config(folder / "config.yaml") == config


def test_a_replaced_run_leaves_no_checkpoint_behind(config: Config) -> None:
    folder, _ = saved(config)
    run_state.discard(folder)
    assert [p.name for p in folder.iterdir()] == ["config.yaml"]
    run_state.discard(folder)


def test_a_crash_between_best_and_last_loses_no_best(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`last` must not claim a best figure whose weights were never written."""
    folder, net = saved(config)
    written, write = [], checkpoint.atomic_write

    def crash(path: Path) -> Any:
        written.append(path)
        if len(written) == 2:
            raise KeyboardInterrupt
        return write(path)

    monkeypatch.setattr(checkpoint, "atomic_write", crash)
    with pytest.raises(KeyboardInterrupt):
        run_state.save(folder, config, net, optimiser(net), Progress(epoch=3, best=0.9), best=True)
    found = {which: checkpoint.load(folder, which).state["progress"] for which in ("best", "last")}
    assert found["best"]["best"] == 0.9 and found["last"]["best"] == 1 / 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True)
    if not mounted or mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_fills_between_best_and_last_costs_no_run(
    config: Config, small_disk: Path
) -> None:
    net, progress = network(100), Progress(epoch=1, total_steps=7, best=0.5)
    folder = run_state.run_folder(config)
    run_state.save(folder, config, net, optimiser(net), progress)
    size = (folder / "last.safetensors").stat().st_size  # many blocks
    config = override(config, [f"log.save_root={small_disk}"])
    folder = run_state.run_folder(config)
    run_state.start_folder(folder, config, resume=False)
    filler = small_disk / "filler"
    filler.write_bytes(bytes(max(0, shutil.disk_usage(small_disk).free - size * 3 // 2)))
    with pytest.raises(OSError, match=r"last\.safetensors: the disk is full .*free some space"):
        run_state.save(folder, config, net, optimiser(net), progress, best=True)
    assert {path.name for path in folder.iterdir()} == {"best.safetensors", "config.yaml"}
    with pytest.raises(FileExistsError, match="already holds a run: go on with --resume"), \
            run_state.reserved(folder):
        pass
    filler.unlink()
    other = network(100)
    with run_state.reserved(folder, resume=True):
        assert run_state.restore(folder, config, other, optimiser(other)) == progress
    assert np.array_equal(net.linear_in.weight.numpy(), other.linear_in.weight.numpy())
    with run_state.reserved(folder, overwrite=True):
        run_state.start_folder(folder, config, resume=False, overwrite=True)
    assert not (folder / "best.safetensors").exists()


def test_a_key_newer_than_the_checkpoint_had_its_default(config: Config) -> None:
    folder, net = saved(config)
    found = checkpoint.load(folder)
    del found.state["config"]["data"]["flip_together"]
    checkpoint.save(folder, found)
    run_state.restore(folder, config, net, optimiser(net))
    with pytest.raises(CheckpointError, match="data.flip_together: False -> True"):
        run_state.restore(folder, override(config, ["data.flip_together=true"]), net,
                          optimiser(net))


def test_other_data_is_refused(config: Config) -> None:
    folder, net = run_state.run_folder(config), network()
    facts = {"classes": ["a", "b"], "data": "1234"}
    run_state.save(folder, config, net, optimiser(net), Progress(), facts=facts)
    run_state.restore(folder, config, net, optimiser(net), facts)
    with pytest.raises(CheckpointError, match=r"started on other data \(data changed\)"):
        run_state.restore(folder, config, net, optimiser(net), {**facts, "data": "5678"})


def test_overwriting_leaves_nothing_old_but_reports(config: Config) -> None:
    folder, _ = saved(config)
    for name in ("tensorboard/events", "test/metrics.json"):
        (folder / name).parent.mkdir()
        (folder / name).write_text("{}")
    run_state.start_folder(folder, config, resume=False, overwrite=True)
    assert sorted(p.name for p in folder.rglob("*")) == ["config.yaml", "metrics.json", "test"]


@pytest.mark.parametrize("how", [{}, {"overwrite": True}, {"resume": True}])
def test_two_runs_do_not_share_a_folder(config: Config, how: dict[str, bool]) -> None:
    folder = run_state.run_folder(config)
    with run_state.reserved(folder), pytest.raises(ConfigError, match=f"{folder}: another run is "):
        with run_state.reserved(folder, **how):
            pass
    with run_state.reserved(folder, **how):
        pass


def test_a_killed_run_leaves_its_folder_free(config: Config) -> None:
    folder = run_state.run_folder(config)
    program = ("import sys, time; from pathlib import Path; "
               "from crossmodal.training.run_state import reserved\n"
               "with reserved(Path(sys.argv[1])): print('mine', flush=True); time.sleep(600)")
    other = subprocess.Popen([sys.executable, "-c", program, str(folder)], text=True,
                             stdout=subprocess.PIPE, cwd=paths.REPO_ROOT)
    assert other.stdout is not None and "mine\n" in iter(other.stdout.readline, "")
    with pytest.raises(ConfigError), run_state.reserved(folder):
        pass
    other.kill()
    other.communicate()
    assert (folder / run_state.LOCK).exists()
    with run_state.reserved(folder):
        pass


def test_a_failed_start_leaves_no_folder_and_a_run_no_lock(config: Config) -> None:
    folder = run_state.run_folder(config)
    with pytest.raises(OSError, match="the disk is full"), run_state.reserved(folder):
        raise OSError("the disk is full")
    assert not folder.exists()
    with run_state.reserved(folder):
        saved(config)
    assert not (folder / run_state.LOCK).exists() and (folder / "last.safetensors").exists()


def test_a_lock_removed_before_it_was_taken_is_made_anew(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, lock = run_state.run_folder(config), run_state.try_lock
    taken = []

    def late(descriptor: int) -> bool:
        taken.append(descriptor)
        if len(taken) == 1:  # the run before ends
            (folder / run_state.LOCK).unlink()
        return lock(descriptor)

    monkeypatch.setattr(run_state, "try_lock", late)
    with run_state.reserved(folder):
        assert len(taken) == 2
        with pytest.raises(ConfigError), run_state.reserved(folder):
            pass


def test_a_folder_in_use_is_refused_at_once(config: Config) -> None:
    folder, _ = saved(config)
    with pytest.raises(FileExistsError, match="already holds a run"), run_state.reserved(folder):
        pass
    with run_state.reserved(folder, overwrite=True):
        assert (folder / "last.safetensors").exists()


def test_of_several_processes_the_first_reserves(
    config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = run_state.run_folder(config)
    with run_state.reserved(folder):
        monkeypatch.setattr(ranks, "is_first", lambda: False)
        with run_state.reserved(folder):
            pass
        assert (folder / run_state.LOCK).exists()
