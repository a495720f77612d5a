"""A training batch is what its definition says, and depends on (seed, epoch, step) alone."""

from __future__ import annotations

from typing import Callable

import numpy as np
import pytest
from golden.golden_arrays import assert_near
from tiny_data import Tiny

from crossmodal.data.batches import Batch, TrainBatches
from crossmodal.data.colour_transfer import transfer_batch
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.errors import DataError
from crossmodal.data.evaluation import QueryBatches, ViewBatches, query_array, view_array
from crossmodal.data.images import read_picture
from crossmodal.data.loader import Loader, one_batch
from crossmodal.data.samplers import epoch_batches
from crossmodal.data.transforms import normalise_views

ARRAYS = ("images", "views", "image_shape", "image_category", "shape_category", "image_index",
          "shape_index")


def source(tiny: Tiny, *settings: str, seed: int = 1, stack: int = 1) -> TrainBatches:
    data = tiny.config(*settings)
    return TrainBatches(InstanceDataset.load(data), data, seed, stack)


def same(one: Batch, two: Batch) -> bool:
    return all(getattr(one, n).tobytes() == getattr(two, n).tobytes() for n in ARRAYS)


def test_a_batch_by_its_definition(tiny: Tiny) -> None:
    made = source(tiny, "batch_size=7")
    dataset = InstanceDataset.load(tiny.data)
    for epoch in range(3):
        expected = epoch_batches(18, 7, 1, epoch)
        for step, batch in enumerate(Loader(made).epoch(epoch)):
            records = [dataset.train[i] for i in batch.image_index]
            assert batch.image_index.tolist() == expected[step].tolist()
            assert batch.query_ids == [r.id for r in records]
            assert (batch.epoch, batch.step, batch.bad) == (epoch, step, {})
            assert batch.images.shape == (7, 4, 32, 32) and batch.images.dtype == np.float32
            assert batch.views.shape == (7, 3, 1, 32, 32) and batch.views.dtype == np.float32
            assert len(set(batch.shape_keys)) == 7
            for i, record in enumerate(records):
                assert batch.shape_keys[batch.image_shape[i]] == record.shape
                assert dataset.categories[batch.image_category[i]] == record.category
            for j, key in enumerate(batch.shape_keys):
                assert dataset.train_shapes[batch.shape_index[j]] == key
                assert dataset.categories[batch.shape_category[j]] == key.category
                for i, record in enumerate(records):
                    assert batch.instance[j, i] == (key == record.shape)
                    assert batch.same_category[j, i] == (key.category == record.category)
            assert np.abs(batch.images).max() <= 1 and np.abs(batch.views).max() <= 1
            assert set(np.unique(batch.images[:, 3])) & {-1.0, 1.0}


def test_batches_follow_seed_epoch_and_step_only(tiny: Tiny) -> None:
    one, two = source(tiny), source(tiny)
    forwards = [one_batch(one, e, s) for e in range(2) for s in range(3)]
    backwards = [one_batch(two, e, s) for e in (1, 0) for s in (2, 1, 0)][::-1]
    assert all(same(a, b) for a, b in zip(forwards, backwards))
    assert not any(same(forwards[0], b) for b in forwards[1:])
    assert not same(forwards[0], one_batch(source(tiny, seed=2), 0, 0))


def test_the_same_picture_differs_between_epochs(tiny: Tiny) -> None:
    made = source(tiny)
    seen: dict[int, set] = {}
    for epoch in range(4):
        for batch in Loader(made).epoch(epoch):
            for i, index in enumerate(batch.image_index):
                seen.setdefault(int(index), set()).add(batch.images[i].tobytes())
    assert all(len(versions) >= 2 for versions in seen.values())


def test_the_cache_changes_nothing(tiny: Tiny) -> None:
    cached, uncached = source(tiny), source(tiny, "cache_mib=0")
    for epoch in range(3):
        for step in range(3):
            assert same(one_batch(cached, epoch, step), one_batch(uncached, epoch, step))
    assert cached._cache.hits > 0 and uncached._cache.hits == 0


def test_fewer_shapes_than_a_batch(tiny: Tiny) -> None:
    batch = one_batch(source(tiny, "batch_size=16"))
    assert batch.images.shape[0] == 16 and batch.views.shape[0] == len(set(batch.shape_keys)) == 9
    assert batch.instance.shape == (9, 16)


def test_fewer_pictures_than_a_batch(tiny: Tiny) -> None:
    made = source(tiny, "batch_size=25")
    assert made.steps() == 1
    assert sorted(set(one_batch(made).image_index.tolist())) == list(range(18))


def test_padded_last_batch(tiny: Tiny) -> None:
    made = source(tiny, "batch_size=5", "last_batch=pad")
    indices = [b.image_index for b in Loader(made).epoch(0)]
    assert len(indices) == 4 and set(np.concatenate(indices)) == set(range(18))


def test_a_subset_of_views(tiny: Tiny) -> None:
    settings = ("views_per_step=2", "view_crop=[1,1]", "crop_ratio=[1,1]", "flip=false",
                "view_size=24")
    made = source(tiny, *settings)
    chosen = set()
    for epoch in range(4):
        for batch in Loader(made).epoch(epoch):
            assert batch.views.shape[1] == 2
            for key, views in zip(batch.shape_keys, batch.views):
                whole = normalise_views(made.store[key], "half")
                at = [next(v for v in range(3) if np.allclose(whole[v], view)) for view in views]
                assert at == sorted(set(at))
                chosen.add(tuple(at))
    assert chosen == {(0, 1), (0, 2), (1, 2)}


@pytest.mark.parametrize("variants", (0, 4))
def test_a_batch_mirrored_as_one(tiny: Tiny, variants: int) -> None:
    fixed = ("translate=0", "image_crop=[1,1]", "view_crop=[1,1]", "crop_ratio=[1,1]",
             f"image_variants={variants}", f"view_variants={variants}", "batch_size=6")
    straight, mirrored = source(tiny, *fixed, "flip=false"), source(tiny, *fixed,
                                                                   "flip_together=true")
    seen = set()
    for epoch in range(6):
        one, two = one_batch(straight, epoch), one_batch(mirrored, epoch)
        turned = not np.array_equal(one.images, two.images)
        seen.add(turned)
        for first, second in ((one.images, two.images), (one.views, two.views)):
            assert_near(second, first[..., ::-1] if turned else first, 1e-5)
    assert seen == {True, False}


@pytest.mark.parametrize(("pictures", "views"), [(1, 2), (2, 1), (1, 1), (0, 1)])
def test_a_batch_with_one_unmirrored_variant_is_not_mirrored(
        tiny: Tiny, pictures: int, views: int) -> None:
    fixed = ("translate=0", "image_crop=[1,1]", "view_crop=[1,1]", "crop_ratio=[1,1]",
             f"image_variants={pictures}", f"view_variants={views}", "batch_size=6")
    straight = source(tiny, *fixed, "flip=false")
    mirrored = source(tiny, *fixed, "flip_together=true")
    for epoch in range(6):
        one, two = one_batch(straight, epoch), one_batch(mirrored, epoch)
        assert_near(two.images, one.images, 1e-5)
        assert_near(two.views, one.views, 1e-5)


@pytest.mark.parametrize("settings", [("colour_transfer=true",),
                                      ("image_variants=2", "view_variants=2")])
def test_parts_make_up_the_whole_batch(tiny: Tiny, settings: tuple[str, ...]) -> None:
    whole = one_batch(source(tiny, "batch_size=6", *settings))
    parts = []
    for number in range(2):
        made = source(tiny, "batch_size=6", *settings)
        made.take_part(number, 2)
        parts.append(one_batch(made))
    for name in ("images", "views"):
        assert np.array_equal(np.concatenate([getattr(part, name) for part in parts]),
                              getattr(whole, name))
    for part in parts:
        assert all(np.array_equal(getattr(part, name), getattr(whole, name)) for name in ARRAYS[2:])


def test_colours_are_transferred_once_a_batch(tiny: Tiny, monkeypatch) -> None:
    calls = []

    def counted(pictures: list[np.ndarray], order: np.ndarray) -> list[np.ndarray]:
        calls.append(len(pictures))
        return transfer_batch(pictures, order)

    monkeypatch.setattr("crossmodal.data.batches.transfer_batch", counted)
    one_batch(source(tiny, "batch_size=6", "colour_transfer=true"))
    assert calls == [6]


def test_options_change_what_they_should(tiny: Tiny) -> None:
    plain = one_batch(source(tiny))
    colours = one_batch(source(tiny, "colour_transfer=true"))
    assert np.array_equal(plain.images[:, 3], colours.images[:, 3])
    assert not np.array_equal(plain.images[:, :3], colours.images[:, :3])
    assert np.array_equal(plain.views, colours.views)
    gray = one_batch(source(tiny, "grayscale=1"))
    assert np.abs(np.ptp(gray.images[:, :3], axis=1)).max() < 1e-5
    still = ("translate=0", "image_crop=[1,1]", "crop_ratio=[1,1]", "flip=false")
    one, two = one_batch(source(tiny, *still), 0), one_batch(source(tiny, *still), 1)
    place = {int(i): n for n, i in enumerate(two.image_index)}
    for n, index in enumerate(one.image_index.tolist()):
        if index in place:
            assert np.array_equal(one.images[n], two.images[place[index]])


def damage(tiny: Tiny, *numbers: int) -> None:
    for number in numbers:
        path = tiny.folder / "img" / f"{number:03d}.jpg"
        path.write_bytes(path.read_bytes()[:200])


def test_a_bad_picture_is_replaced_by_the_next_good_one(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    settings = ("validation_fraction=0", "batch_size=20")
    damage(tiny, 4, 5, 19)
    with Loader(source(tiny, *settings)) as loader:
        batches = [list(loader.epoch(e))[0] for e in range(2)]
        assert sum(loader.bad.values()) == 6 and len(loader.bad) == 3
    wanted = epoch_batches(20, 20, 1, 0)[0]
    replaced = {4: 6, 5: 6, 19: 0}
    assert batches[0].image_index.tolist() == [replaced.get(i, i) for i in wanted.tolist()]
    assert sorted(batches[0].bad) == sorted(str(tiny.folder / "img" / f"{i:03d}.jpg")
                                            for i in (4, 5, 19))
    # Knowing them from an earlier batch changes nothing.
    assert same(batches[1], one_batch(source(tiny, *settings), 1))


def test_a_render_that_breaks_later_is_no_filler(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    made = source(tiny, "batch_size=8", "validation_fraction=0")
    (tiny.folder / "rendering_tiny" / "sofa" / "sofa_2.npy").write_bytes(b"")
    for batch in Loader(made).epoch(0):
        assert "sofa/sofa_2" not in map(str, batch.shape_keys)
        assert "sofa/sofa_2" in batch.bad and len(set(batch.shape_keys)) == 8


def test_nothing_readable_is_an_error(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    damage(tiny, *range(20))
    with pytest.raises(DataError, match="none of 18 training pictures.*img"):
        one_batch(source(tiny))


def test_queries_for_evaluation(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    damage(tiny, 21)
    dataset = InstanceDataset.load(tiny.data)
    batches = list(Loader(QueryBatches(dataset.test, tiny.data)).epoch())
    assert [b.index.tolist() for b in batches] == [[0, 1, 2, 3], [4, 5, 6, -1]]
    assert [b.valid.tolist() for b in batches] == [[True, False, True, True],
                                                   [True, True, True, False]]
    assert (batches[0].images[1] == 0).all() and (batches[1].images[3] == 0).all()
    assert list(batches[0].bad) == [dataset.test[1].image]
    picture = read_picture(dataset.test[2].image, dataset.test[2].mask)
    alone = query_array(picture[..., :3], picture[..., 3], tiny.data)
    assert np.array_equal(alone, batches[0].images[2])


def test_gallery_for_evaluation(make_tiny: Callable[..., Tiny]) -> None:
    tiny = make_tiny()
    dataset = InstanceDataset.load(tiny.data)
    (tiny.folder / "rendering_tiny" / "chair" / "chair_0.npy").write_bytes(b"x")
    batches = list(Loader(ViewBatches(dataset.views, dataset.gallery, tiny.data)).epoch())
    index = np.concatenate([b.index for b in batches])
    valid = np.concatenate([b.valid for b in batches])
    assert index.tolist() == [*range(9), -1, -1, -1]
    assert valid.tolist() == [i not in (3, 9, 10, 11) for i in range(12)]
    assert list(batches[0].bad) == ["chair/chair_0"]
    expected = view_array(dataset.views[dataset.gallery[4]], tiny.data)
    assert np.array_equal(batches[1].views[0], expected) and expected.shape == (3, 1, 32, 32)


def test_masks_may_stay_raw_in_training_as_released(tiny: Tiny) -> None:
    """0..1 in training, -1..1 in a test; colours and shapes are what they were."""
    for settings in ((), ("image_variants=2",)):
        paper = one_batch(source(tiny, *settings), 0, 1)
        raw = one_batch(source(tiny, *settings, "train_masks=raw"), 0, 1)
        assert np.array_equal(raw.images[:, :3], paper.images[:, :3])
        assert np.array_equal(raw.views, paper.views)
        assert_near(raw.images[:, 3], (paper.images[:, 3] + 1) / 2, 1e-6)
        assert raw.images[:, 3].min() == 0 and paper.images[:, 3].min() == -1
    data = tiny.config("train_masks=raw")
    test = one_batch(QueryBatches(InstanceDataset.load(data).test, data), 0, 0)
    assert test.images[test.valid, 3].min() == -1


def test_stacks_are_drawn_whole(make_tiny: Callable[..., Tiny]) -> None:
    """Six views, each of its own gray, two stacks of two a step: neighbours, in their order."""
    tiny = make_tiny()
    for path in tiny.folder.glob("rendering_tiny/*/*.npy"):
        np.save(path, np.repeat(np.arange(0, 60, 10, dtype=np.uint8), 24 * 24).reshape(6, 24, 24))
    made = source(tiny, "views=6", "views_per_step=4", stack=2)
    seen = set()
    for epoch in range(5):
        for batch in Loader(made).epoch(epoch):
            grays = np.rint((batch.views[:, :, 0, 0, 0] + 1) * 127.5 / 10).astype(int)
            seen |= {tuple(row) for row in grays.tolist()}
    assert seen == {(0, 1, 2, 3), (0, 1, 4, 5), (2, 3, 4, 5)}
