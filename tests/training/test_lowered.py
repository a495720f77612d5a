"""Training on stored features at the split is training on pixels, only faster."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from boxes_data import SETTINGS, write_boxes
from golden.golden_arrays import assert_near

from crossmodal.config import Config, ConfigError, load_config, override
from crossmodal.data.batches import TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.loader import Loader, one_batch
from crossmodal.data.variants import Variants
from crossmodal.models.build import build_retrieval_net
from crossmodal.models.encode import Encoder
from crossmodal.models.layers import use_mixed_precision
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.models.style_transition import Style, StyleDraw
from crossmodal.runtime import jt, seeds
from crossmodal.training.feature_cache import features_key
from crossmodal.training.lowered import LoweredBatches, lowered_batches


@pytest.fixture(scope="module", params=("each", "together"))
def config(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Config:
    """With items mirrored each by itself, and with batches mirrored as one."""
    root = tmp_path_factory.mktemp("lowered")
    folder = write_boxes(root)
    (folder / "img" / "train_03.png").write_bytes(b"torn")
    (root / "boxes.yaml").write_text(SETTINGS)
    return load_config(root / "boxes.yaml", [
        f"data.root={root}", f"log.save_root={root / 'runs'}", "data.image_variants=2",
        "data.view_variants=2", "model.freeze=layer2", "data.validation_fraction=0",
        f"data.flip_together={request.param == 'together'}"])


@pytest.fixture(scope="module")
def net(config: Config) -> RetrievalNet:
    seeds.seed_everything(1)
    return build_retrieval_net(config.model, pretrained=False)


def sources(net: RetrievalNet, config: Config) -> tuple[TrainBatches, LoweredBatches]:
    dataset = InstanceDataset.load(config.data, config.seed)
    pixels = TrainBatches(dataset, config.data, config.seed, config.model.view_channels)
    return pixels, lowered_batches(net, pixels, dataset, config)


def test_a_batch_of_features_is_the_lower_half_of_the_batch_of_pixels(
        net: RetrievalNet, config: Config) -> None:
    pixels, lowered = sources(net, config)
    assert net.query_encoder.lower_is_frozen and lowered.steps() == pixels.steps()
    encoder = Encoder(net, config)
    for epoch, step in ((0, 0), (0, 3), (2, 1)):
        one, two = one_batch(pixels, epoch, step), one_batch(lowered, epoch, step)
        assert one.query_ids == two.query_ids and one.shape_keys == two.shape_keys
        assert one.image_shape.tolist() == two.image_shape.tolist()
        for expected, found in ((encoder.lower_images(one.images), two.images),
                                (encoder.lower_views(one.views), two.views)):
            assert found.dtype == np.float32 and found.shape == expected.shape
            assert_near(found, expected, 2e-3)
    ids = {i for s in range(lowered.steps()) for i in one_batch(lowered, 0, s).query_ids}
    assert "img/train_03.png" not in ids


def test_variants_are_few_and_the_same_for_every_seed(net: RetrievalNet, config: Config) -> None:
    seen: dict[str, set[bytes]] = {}
    for seed in (config.seed, 5):
        source, _ = sources(net, replace(config, seed=seed))
        for epoch in range(4):
            for step in range(source.steps()):
                batch = one_batch(source, epoch, step)
                for name, image in zip(batch.query_ids, batch.images):
                    seen.setdefault(name, set()).add(image.tobytes())
    assert max(map(len, seen.values())) == 2


def test_features_are_computed_once_and_anew_for_another_lower_half(
        net: RetrievalNet, config: Config) -> None:
    sources(net, config)
    folder = Path(config.log.save_root) / "cache"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("lower_*.npy")}
    sources(net, replace(config, seed=7))
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("lower_*.npy")}
    next(iter(before)).write_bytes(b"torn")
    sources(net, config)
    assert min(path.stat().st_size for path in before) > 1000
    other = build_retrieval_net(config.model, pretrained=False)
    sources(other, config)
    assert len(list(folder.glob("lower_*.npy"))) == len(before) + 2


def test_what_the_features_are_made_of_names_them(net: RetrievalNet, config: Config) -> None:
    """A mask made anew, a pixel of a render, another precision: each is another file."""
    pixels, _ = sources(net, config)
    seen = [features_key(net, pixels, config.data)]
    mask = Path(next(r.mask for r in pixels.records if r.mask))
    before = mask.read_bytes()
    mask.write_bytes(before + b"\0")
    seen.append(features_key(net, pixels, config.data))
    mask.write_bytes(before)
    key = pixels.shapes[0]
    pixels.store = {**{k: pixels.store[k] for k in pixels.shapes}}
    pixels.store[key] = pixels.store[key].copy()
    pixels.store[key][0, 1, 1] ^= 1
    seen.append(features_key(net, pixels, config.data))
    other = build_retrieval_net(config.model, pretrained=False)
    seen.append(features_key(other, pixels, config.data))
    use_mixed_precision(other)
    seen.append(features_key(other, pixels, config.data))
    assert len(set(seen)) == len(seen)


def released(config: Config, *settings: str) -> Config:
    """Four views a token, the style of the query tower's stem, raw masks."""
    return override(config, ["model.view_channels=4", "model.style_form=released",
                             "data.train_masks=raw",
                             "data.views_per_step=0", *settings])


def test_released_styles_are_stored_with_the_features(config: Config) -> None:
    """Style, features and masks of a stored batch are those of the pixels' batch."""
    config = released(config)
    seeds.seed_everything(1)
    net = build_retrieval_net(config.model, pretrained=False)
    pixels, lowered = sources(net, config)
    encoder = Encoder(net, config)
    for epoch, step in ((0, 0), (1, 2)):
        one, two = one_batch(pixels, epoch, step), one_batch(lowered, epoch, step)
        assert one.style is None and two.style is not None and two.views.shape[:2] == (6, 1)
        assert_near(two.images, encoder.lower_images(one.images), 2e-3)
        assert_near(two.views, encoder.lower_views(one.views), 2e-3)
        assert_near(two.style, encoder.style_views(one.views, two.images.shape[1]), 2e-3)
    net.eval()
    draw, style = StyleDraw.of(6, 6, 1), Style(*(jt.array(two.style[:, i]) for i in range(2)))
    with jt.no_grad():
        mixed = net(jt.array(one.images), jt.array(one.views), draw).mixed.numpy()
        stored = net.embed_lowered(jt.array(two.images), jt.array(two.views), draw, style)
    assert_near(stored.mixed.numpy(), mixed, 1e-2)


def test_a_stored_released_style_is_that_of_all_views_whichever_a_step_sees(
        config: Config) -> None:
    config = released(config, "model.view_channels=1", "data.views_per_step=2")
    seeds.seed_everything(1)
    net = build_retrieval_net(config.model, pretrained=False)
    pixels, lowered = sources(net, config)
    batch, encoder, styles = one_batch(lowered, 0, 0), Encoder(net, config), {}
    for row in Loader(Variants(pixels, "shape")).epoch():
        styles.update(zip(row.index.tolist(), encoder.style_views(row.pixels, 128)))
    assert batch.views.shape[:2] == (6, 2) and batch.style is not None
    for shape, style in zip(batch.shape_index, batch.style):
        off = [np.abs(style - styles[2 * shape + variant]).max() for variant in range(2)]
        assert min(off) < 2e-3 * np.abs(style).max()
    with pytest.raises(ConfigError, match="2 views cannot be stacked 4 at a time: data.views and"):
        net.stem_style(jt.array(one_batch(pixels, 0, 0).views), 128)  # without stored features
