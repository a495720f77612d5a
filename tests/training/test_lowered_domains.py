"""Category-level training on stored features at the split is training on pixels, only faster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from category_data import SETTINGS, write_kinds
from golden.golden_arrays import assert_near

from crossmodal.config import CategoryConfig, load_tree
from crossmodal.data.domain_batches import DomainBatches
from crossmodal.data.domains import Domains
from crossmodal.data.loader import one_batch
from crossmodal.models.build import build_category_net
from crossmodal.models.category_encode import CategoryEncoder
from crossmodal.models.category_net import CategoryNet
from crossmodal.runtime import seeds
from crossmodal.training.lowered_domains import can_lower, lowered_domains


@pytest.fixture(scope="module", params=("each", "together"))
def config(request: pytest.FixtureRequest,
           tmp_path_factory: pytest.TempPathFactory) -> CategoryConfig:
    """With items mirrored each by itself, and with batches mirrored as one; one photo is torn."""
    root = tmp_path_factory.mktemp("lowered")
    folder = write_kinds(root)
    (folder / "photo" / "train" / "disc 0.png").write_bytes(b"torn")
    (root / "kinds.yaml").write_text(SETTINGS)
    return load_tree(CategoryConfig, root / "kinds.yaml", [
        f"data.root={root}", f"log.save_root={root / 'runs'}", "data.image_variants=2",
        "data.view_variants=2", "model.freeze=layer2", "data.validation_fraction=0",
        f"data.flip_together={request.param == 'together'}"])


@pytest.fixture(scope="module")
def net(config: CategoryConfig) -> CategoryNet:
    seeds.seed_everything(1)
    return build_category_net(config.model, 3, pretrained=False)


def sources(net: CategoryNet, config: CategoryConfig) -> tuple[DomainBatches, DomainBatches]:
    domains = Domains.load(config.data, config.seed)
    pixels = DomainBatches(domains, config.data, config.seed, 6)
    encoder = CategoryEncoder(net, config, domains.classes)
    assert can_lower(encoder)
    return pixels, lowered_domains(encoder, pixels)


def test_a_batch_of_features_is_the_lower_half_of_the_batch_of_pixels(
        net: CategoryNet, config: CategoryConfig) -> None:
    pixels, lowered = sources(net, config)
    encoder = CategoryEncoder(net, config, ["a", "b", "c"])
    for step in (0, 3, 5):
        one, two = one_batch(pixels, 0, step), one_batch(lowered, 0, step)
        assert one.image_index.tolist() == two.image_index.tolist()
        assert one.item_index.tolist() == two.item_index.tolist()
        assert one.label.tolist() == two.label.tolist()
        for expected, found in ((encoder.lower(one.images[:, None])[:, 0], two.images),
                                (encoder.lower(one.views), two.views)):
            assert found.dtype == np.float32 and found.shape == expected.shape
            assert_near(found, expected, 2e-3)


def test_the_torn_photo_is_in_no_batch(net: CategoryNet, config: CategoryConfig) -> None:
    _, lowered = sources(net, config)
    batches = [one_batch(lowered, 0, step) for step in range(6)]
    torn = next(i for i, item in enumerate(lowered.source.items) if "disc 0" in item.id)
    assert torn not in {i for batch in batches for i in batch.image_index.tolist()}
    assert any("disc 0" in name for batch in batches for name in batch.bad)


def test_features_are_computed_once_and_anew_for_another_lower_half(
        net: CategoryNet, config: CategoryConfig) -> None:
    sources(net, config)
    folder = Path(config.log.save_root) / "cache"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("lower_*.npy")}
    sources(net, replace(config, seed=7))
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("lower_*.npy")}
    sources(build_category_net(config.model, 3, pretrained=False), config)
    assert len(list(folder.glob("lower_*.npy"))) == len(before) + 2


def test_a_lower_half_that_learns_is_not_stored(net: CategoryNet, config: CategoryConfig) -> None:
    free = build_category_net(replace(config.model, freeze="layer1"), 3, pretrained=False)
    assert not can_lower(CategoryEncoder(free, config, ["a", "b", "c"]))
    endless = replace(config, data=replace(config.data, image_variants=0))
    assert not can_lower(CategoryEncoder(net, endless, ["a", "b", "c"]))


def test_target_labels_and_order_are_those_of_the_pixels(net: CategoryNet,
                                                         config: CategoryConfig) -> None:
    data = replace(config.data, target_labels="used", passes="released")
    pixels, lowered = sources(net, replace(config, data=data))
    for step in (0, 2):
        one, two = one_batch(pixels, 0, step), one_batch(lowered, 0, step)
        assert one.target_label is not None and two.target_label is not None
        assert one.target_label.tolist() == two.target_label.tolist()
        assert one.item_index.tolist() == two.item_index.tolist()
