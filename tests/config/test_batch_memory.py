"""What batches take is computed from the settings, and compared with the machine's memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossmodal.config import CategoryConfig, Config, ConfigError, load_tree, override
from crossmodal.config.memory import batch_bytes, check_memory, copies_of
from crossmodal.data.batches import TrainBatches
from crossmodal.data.shared_slots import slot_size
from crossmodal.runtime.paths import REPO_ROOT

MIB = 2**20


def test_by_hand() -> None:
    assert batch_bytes(30, 4, 224) == 30 * 4 * 224 * 224 * 4 == 24_084_480
    assert copies_of(2, 2) == 5 and copies_of(0, 2) == 1 and copies_of(8, 3) == 25
    # 30 pictures and 30 shapes of 12 views: 24.1 and 72.3 MB, five times; two caches of 256 MiB.
    least = 5 * (30 * 4 + 30 * 12) * 224 * 224 * 4 + 2 * 256 * MIB
    check_memory(Config(), machine=least)
    with pytest.raises(ConfigError):
        check_memory(Config(), machine=least - 1)


def test_by_hand_at_category_level() -> None:
    config = override(CategoryConfig(), ["data.batch_size=10", "data.views=3", "data.image_size=8",
                                         "data.view_size=16", "data.workers=0", "data.cache_mib=1",
                                         "data.eval_batch_size=2"])
    least = (10 * 3 * 8 * 8 + 10 * 3 * 3 * 16 * 16) * 4 + MIB
    check_memory(config, machine=least)
    with pytest.raises(ConfigError, match="a batch of 10 pictures of 8 px and 3 views each of 16"):
        check_memory(config, machine=least - 1)


def test_it_is_the_size_that_the_loader_gives_a_batch() -> None:
    class Slots(TrainBatches):
        def __init__(self, config: Config) -> None:
            self.data, self.slots = config.data, config.data.batch_size
            self.own_images = self.own_shapes = range(self.slots)

    data = Config().data
    pixels = batch_bytes(30, 4, 224) + batch_bytes(30 * 12, 1, 224)
    assert pixels <= slot_size(Slots(Config()).layout()) < pixels + 64 * data.batch_size


@pytest.mark.parametrize(("kind", "settings", "words"), [
    (Config, ["data.batch_size=60000"],
     "--set: a batch of 60000 pictures of 224 px and 12 views each of 224 px takes 897.2 GiB in 5 "
     "copies, and kept pictures 512.0 MiB; this machine has 16.0 GiB: lower data.batch_size, "
     "data.views_per_step, data.prefetch, data.workers or data.cache_mib"),
    (Config, ["data.image_size=4096"], "a batch of 30 pictures of 4096 px and 12 views each of 2"),
    (Config, ["data.views=1024"], "a batch of 30 pictures of 224 px and 1024 views each of 224 px"),
    (Config, ["data.workers=256", "data.prefetch=64"], "in 16385 copies"),
    (Config, ["data.cache_mib=16384"], "kept pictures 32.0 GiB"),
    (Config, ["data.eval_batch_size=30000"], "a test's batch of 30000 shapes' 12 views of 224 px"),
    (CategoryConfig, ["data.batch_size=60000"], "a batch of 60000 pictures of 224 px and 4 views"),
    (CategoryConfig, ["data.eval_batch_size=60000"], "a test's batch of 60000 pictures of 224 px"),
])
def test_what_cannot_fit_is_refused(kind: type, settings: list[str], words: str) -> None:
    with pytest.raises(ConfigError) as error:
        check_memory(load_tree(kind, None, settings), machine=16 * 2**30)
    assert words.replace("--set: ", "") in str(error.value)


def test_a_test_does_not_need_a_training_batch() -> None:
    config = load_tree(Config, None, ["data.batch_size=60000"])
    check_memory(config, training=False, machine=16 * 2**30)


def test_features_of_fixed_variants_take_no_pixels() -> None:
    config = load_tree(Config, None, ["data.batch_size=60000", "data.image_variants=2",
                                      "data.view_variants=2", "model.freeze=layer3"])
    check_memory(config, machine=16 * 2**30)


@pytest.mark.parametrize("path", sorted((REPO_ROOT / "configs").glob("*.yaml")), ids=str)
def test_every_config_in_the_repository_fits_a_small_machine(path: Path) -> None:
    try:
        config = load_tree(Config, path)
    except ConfigError:
        config = load_tree(CategoryConfig, path)
    check_memory(config, machine=2 * 2**30)
