"""A batch of both domains is a function of (seed, iteration); shapes keep their views together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from category_data import KINDS, Make, change, place
from PIL import Image

from crossmodal.config import DomainConfig
from crossmodal.data.domain_batches import DomainBatch, DomainBatches, ItemBatches
from crossmodal.data.domains import Domains, load_test
from crossmodal.data.errors import DataError
from crossmodal.data.frames import augment_frames, centre_frames, normalise_frames, read_frames
from crossmodal.data.loader import Loader, one_batch

STILL = ("image_crop=[1,1]", "view_crop=[1,1]", "test_crop=1", "image_size=40", "view_size=40")


def batches(data: DomainConfig, seed: int = 1, iterations: int = 12) -> DomainBatches:
    return DomainBatches(Domains.load(data, seed), data, seed, iterations)


def content(batch: DomainBatch) -> list[bytes]:
    return [getattr(batch, name).tobytes()
            for name in ("images", "views", "label", "image_index", "item_index")]


def test_a_batch_by_its_definition(kinds: Make) -> None:
    data, rng = kinds(*STILL, "flip=false"), np.random.default_rng(0)  # nothing is left to chance
    domains = Domains.load(data, 1)
    batch = one_batch(batches(data), step=3)
    assert batch.iteration == 3 and batch.bad == {}
    assert batch.images.shape == (5, 3, 40, 40) and batch.views.shape == (5, 4, 3, 40, 40)
    assert batch.label.tolist() == [domains.source[i].label for i in batch.image_index]
    expected = np.empty((4, 3, 40, 40), np.float32)
    for slot in range(5):
        item = domains.target[batch.item_index[slot]]
        frames = augment_frames(read_frames(item, "shape", data), "shape", rng, data)
        normalise_frames(frames, data, expected)
        assert np.allclose(batch.views[slot], expected, atol=1e-6)
        photo = domains.source[batch.image_index[slot]]
        frames = augment_frames(read_frames(photo, "query", data), "query", rng, data)
        normalise_frames(frames, data, expected[:1])
        assert np.allclose(batch.images[slot], expected[0], atol=1e-6)


def test_workers_order_and_restarts_change_nothing(kinds: Make) -> None:
    data = kinds("colour_jitter=0.2", "translate=0.1")
    made = batches(data)
    expected = [content(batch) for batch in Loader(made).epoch()]
    assert len({b"".join(one) for one in expected}) == 12
    for workers in (1, 2):
        with Loader(made, workers) as loader:
            assert [content(batch) for batch in loader.epoch()] == expected
            assert [content(batch) for batch in loader.epoch(0, start=7)] == expected[7:]
    fresh = batches(data)
    assert [content(one_batch(fresh, step=k)) for k in range(11, -1, -1)] == expected[::-1]
    assert content(one_batch(batches(data, seed=2))) != expected[0]


@pytest.mark.parametrize("views", [1, 3, 12])
def test_each_pass_visits_every_item_once(kinds: Make, views: int) -> None:
    """24 photos and 12 shapes in fives: both lists go round at their own pace."""
    data = kinds(views=views)
    found = list(Loader(batches(data, iterations=24)).epoch())
    assert found[0].views.shape == (5, views, 3, 32, 32)
    for name, count in (("image_index", 24), ("item_index", 12)):
        seen = np.concatenate([getattr(batch, name) for batch in found])
        passes = [seen[k:k + count].tolist() for k in range(0, len(seen), count)]
        assert len(passes) == 120 // count
        assert all(sorted(one) == list(range(count)) for one in passes)
        assert len(set(map(tuple, passes))) == len(passes)


def test_no_two_visits_look_alike(kinds: Make) -> None:
    forms: dict[tuple[str, int], list[bytes]] = {}
    for batch in Loader(batches(kinds(), iterations=24)).epoch():
        for name, index in (("images", batch.image_index), ("views", batch.item_index)):
            for slot, at in enumerate(index.tolist()):
                forms.setdefault((name, at), []).append(getattr(batch, name)[slot].tobytes())
    assert len(forms) == 24 + 12
    assert all(len(set(seen)) == len(seen) >= 5 for seen in forms.values())


def test_a_batch_may_be_larger_than_a_list(kinds: Make) -> None:
    batch = one_batch(batches(kinds("batch_size=30")))
    assert sorted(Counter(batch.image_index.tolist()).values()) == [1] * 18 + [2] * 6
    assert set(Counter(batch.item_index.tolist()).values()) == {2, 3}


def number_views(data: DomainConfig) -> None:
    """Paint the number of each view into its left half."""
    for path in place(data, "view/train").rglob("*.png"):
        pixels = np.full((40, 40, 3), 255, np.uint8)
        pixels[:, :20] = 20 * int(path.stem)
        Image.fromarray(pixels).save(path)


@pytest.mark.parametrize("views", [3, 12])
def test_views_stay_in_order_and_turn_together(kinds: Make, views: int) -> None:
    data = kinds(*STILL, "normalisation=half", views=views)
    number_views(data)
    turned = set()
    for batch in Loader(batches(data)).epoch():
        for shape in batch.views:
            left, right = shape[:, 0, :, 5].mean(1), shape[:, 0, :, 34].mean(1)
            mirrored = bool((left > right).all())
            turned.add(mirrored)
            numbers = (right if mirrored else left) * 127.5 + 127.5
            assert np.round(numbers / 20).astype(int).tolist() == list(range(views))
    assert turned == {True, False}


def test_a_batch_mirrored_as_one(kinds: Make) -> None:
    data = kinds(*STILL)
    straight = batches(change(data, "flip=false"))
    turned = batches(change(data, "flip_together=true"))
    seen = set()
    for step in range(10):
        one, two = one_batch(straight, step=step), one_batch(turned, step=step)
        mirrored = not np.array_equal(one.images, two.images)
        seen.add(mirrored)
        for name in ("images", "views"):
            plain = getattr(one, name)
            assert np.allclose(getattr(two, name), plain[..., ::-1] if mirrored else plain,
                               atol=0.02)  # a step of a byte
    assert seen == {True, False}


def test_fixed_variants_do_not_depend_on_seed_or_place(kinds: Make, tmp_path: Path) -> None:
    data = kinds("image_variants=2", "view_variants=2", "flip_together=true")
    made = {}
    for seed in (1, 2):
        for batch in Loader(batches(data, seed, 24)).epoch():
            for name, index in (("images", batch.image_index), ("views", batch.item_index)):
                for slot, at in enumerate(index.tolist()):
                    pixels = getattr(batch, name)[slot].tobytes()
                    made.setdefault((name, at), set()).add(pixels)
    assert {len(forms) for forms in made.values()} == {2}
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    place(data, "").rename(moved / "kinds")
    there = batches(change(data, f"root={moved}"))
    assert {one.tobytes() for one in one_batch(there).views} <= set().union(*made.values())


def truncate(path: Path) -> str:
    path.write_bytes(path.read_bytes()[:80])
    return str(path)


def test_unreadable_pictures_are_replaced_and_named(kinds: Make) -> None:
    data = kinds("batch_size=24")
    broken = truncate(place(data, "photo/train/disc 0.png"))
    jpeg = place(data, "photo/train/square 0.png")
    jpeg.write_bytes(b"\xff\xd8\xff\xe0" + b"\0" * 60)
    view = truncate(place(data, "view/train/disc_1/02.png"))
    with Loader(batches(data)) as loader:
        batch = next(iter(loader.epoch()))
        assert set(loader.bad) == {"photo/train/disc 0.png", "photo/train/square 0.png",
                                   "view/train/disc_1/00.png"}
    assert broken in batch.bad["photo/train/disc 0.png"]
    assert str(jpeg) in batch.bad["photo/train/square 0.png"]
    assert view in batch.bad["view/train/disc_1/00.png"]  # the shape, and which of its views
    assert Counter(batch.image_index.tolist())[2] == 3 and batch.label.tolist().count(2) == 10
    assert 3 not in batch.item_index and Counter(batch.item_index.tolist())[4] == 4
    again = batches(data)
    one_batch(again, step=5)  # knowing the bad ones from before changes nothing
    assert content(one_batch(again)) == content(batch)


def test_nothing_readable_is_an_error(kinds: Make) -> None:
    data = kinds()
    for path in place(data, "view/train").rglob("00.png"):
        truncate(path)
    with pytest.raises(DataError, match="none of 12 items can be read .first: .*00.png"):
        one_batch(batches(data))


def test_test_batches_are_centre_crops_in_order(kinds: Make) -> None:
    data = kinds()
    queries, gallery = load_test(data, KINDS)
    truncate(Path(gallery[4].files[1]))
    found = list(Loader(ItemBatches(gallery, "shape", data)).epoch())
    assert [b.index.tolist() for b in found] == [[0, 1], [2, 3], [4, 5], [6, 7], [8, -1]]
    assert [b.valid.tolist() for b in found][2] == [False, True] and not found[2].pixels[0].any()
    assert not found[-1].pixels[1].any() and list(found[2].bad) == [gallery[4].id]
    expected = np.empty((4, 3, 32, 32), np.float32)
    normalise_frames(centre_frames(read_frames(gallery[3], "shape", data), "shape", data), data,
                     expected)
    assert np.array_equal(found[1].pixels[1], expected)
    with Loader(ItemBatches(queries, "query", data), 2) as loader:
        here = list(Loader(ItemBatches(queries, "query", data)).epoch())
        for one, two in zip(here, loader.epoch()):
            assert one.pixels.shape == (8, 1, 3, 32, 32)
            assert one.pixels.tobytes() == two.pixels.tobytes()
