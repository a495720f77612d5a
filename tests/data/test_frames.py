"""How a picture becomes frames: the exact centre crop of a test, one change for all views."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from category_data import change
from PIL import Image

from crossmodal.config import CategoryConfig, DomainConfig
from crossmodal.data.errors import SampleError
from crossmodal.data.frames import (
    augment_frames,
    centre_frames,
    frames_variant,
    normalise_frames,
    read_frames,
)
from crossmodal.data.image_lists import Item

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def noise(path: Path, height: int, width: int) -> np.ndarray:
    pixels = np.random.default_rng(len(path.name)).integers(0, 256, (height, width, 3), np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def item(tmp_path: Path) -> Item:
    """A shape of three views of 256 pixels a side."""
    names = [str(tmp_path / f"{'x' * number}.png") for number in (1, 2, 3)]
    for name in names:
        noise(Path(name), 256, 256)
    return Item("shape", tuple(names), None)


def data(*changes: str) -> DomainConfig:
    return change(CategoryConfig().data, *changes)


def test_the_test_sees_the_middle_224_of_256(item: Item) -> None:
    for kind in ("query", "shape"):
        found = centre_frames(read_frames(item, kind, data()), kind, data())
        assert found.shape == (3, 224, 224, 4)
        for frame, name in zip(found, item.files):
            whole = np.asarray(Image.open(name))
            assert np.array_equal(frame[..., :3], whole[16:240, 16:240])


@pytest.mark.parametrize("fit", ["squash", "pad"])
def test_another_picture_is_scaled_to_256_first(tmp_path: Path, fit: str) -> None:
    noise(tmp_path / "wide.png", 100, 300)
    photo = Item("wide", (str(tmp_path / "wide.png"),), 0)
    found = read_frames(photo, "query", data(f"image_fit={fit}"))
    assert found.shape == (1, 256, 256, 4)
    picture = Image.open(tmp_path / "wide.png")
    if fit == "squash":
        expected = np.asarray(picture.resize((256, 256), Image.Resampling.BILINEAR))
        assert np.array_equal(found[0, ..., :3], expected)
    else:  # what is above and below has one colour: that of the border
        assert np.ptp(found[0, :80, :, :3], axis=(0, 1)).max() == 0
        assert np.ptp(found[0, 100:150, :, :3], axis=(0, 1)).min() > 0


@pytest.mark.parametrize("size, crop, stored", [(224, 0.875, 256), (64, 0.875, 74), (112, 1.0, 128),
                                                (224, 0.9, 256), (224, 0.7, 320),
                                                (32, 0.5, 64)])
def test_how_much_is_kept_around_the_crop(item: Item, size: int, crop: float, stored: int) -> None:
    settings = data(f"view_size={size}", f"test_crop={crop}")
    frames = read_frames(item, "shape", settings)
    assert frames.shape == (3, stored, stored, 4)
    assert centre_frames(frames, "shape", settings).shape == (3, size, size, 4)


@pytest.mark.parametrize("crop, seen", [(1.0, 256), (0.9, 230)])
def test_a_wider_test_crop_is_scaled_down_smoothly(item: Item, crop: float, seen: int) -> None:
    """The network's side is 224; 256 are kept."""
    settings = data(f"test_crop={crop}")
    found = centre_frames(read_frames(item, "shape", settings), "shape", settings)
    start = (256 - seen) // 2
    for frame, name in zip(found, item.files):
        whole = Image.open(name).crop((start, start, start + seen, start + seen))
        expected = np.asarray(whole.resize((224, 224), Image.Resampling.BILINEAR))
        assert np.array_equal(frame[..., :3], expected)


def test_random_crops_have_pixels_to_spare(item: Item) -> None:
    """With nothing cut off in a test, a random crop of the default size is still not enlarged."""
    settings = data("test_crop=1", "flip=false")
    frames = read_frames(item, "shape", settings)
    assert np.array_equal(frames, read_frames(item, "shape", data()))
    found = augment_frames(frames, "shape", np.random.default_rng(1), settings)
    contrast = [np.abs(np.diff(pixels[..., :3].astype(int), axis=2)).mean()
                for pixels in (frames, found)]
    assert contrast[1] > 0.6 * contrast[0]


def test_all_views_change_alike(item: Item) -> None:
    same = Item("same", (item.files[0],) * 3, None)
    frames = read_frames(same, "shape", data())
    seen = set()
    for seed in range(6):
        found = augment_frames(frames, "shape", np.random.default_rng(seed), data())
        assert found.shape == (3, 224, 224, 4)
        assert np.array_equal(found[0], found[1]) and np.array_equal(found[0], found[2])
        seen.add(found.tobytes())
    assert len(seen) == 6


def test_a_crop_is_a_window_of_the_picture(item: Item) -> None:
    """The default crop takes 224 of 256 pixels a side, wherever: nothing is scaled."""
    ramp = np.zeros((1, 256, 256, 4), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(256), np.arange(256)[:, None]
    starts = set()
    for seed in range(8):
        found = augment_frames(ramp, "query", np.random.default_rng(seed), data("flip=false"))[0]
        for channel, line in ((0, found[0, :, 0]), (1, found[:, 0, 1])):
            steps = np.diff(line.astype(int))
            assert steps.min() >= 0 and 222 <= line[-1].astype(int) - line[0] <= 224, channel
        assert 0 <= found[0, 0, 0] <= 32
        starts.add(int(found[0, 0, 0]))
    assert len(starts) > 3


def test_mirroring_as_told_or_drawn(item: Item) -> None:
    still = data("view_crop=[1,1]", "view_size=256")
    frames = np.stack([noise(Path(name), 256, 256) for name in item.files])
    frames = np.concatenate([frames, np.full((3, 256, 256, 1), 255, np.uint8)], 3)

    def made(seed: int, mirror: bool | None, settings: DomainConfig = still) -> np.ndarray:
        return augment_frames(frames, "shape", np.random.default_rng(seed), settings, mirror)

    assert np.array_equal(made(0, False), frames)
    assert np.array_equal(made(0, True), frames[:, :, ::-1])
    drawn = [np.array_equal(made(seed, None), frames) for seed in range(12)]
    assert {True, False} == set(drawn)
    assert all(np.array_equal(made(seed, None, change(still, "flip=false")), frames)
               for seed in range(4))


def test_variants_are_fixed_by_name_and_number(item: Item) -> None:
    frames = read_frames(item, "shape", data())
    made = {(name, number): frames_variant(frames, "shape", name, number, data()).tobytes()
            for name in ("one", "two") for number in range(2)}
    assert len(set(made.values())) == 4
    assert frames_variant(frames, "shape", "two", 1, data()).tobytes() == made["two", 1]


def test_normalisation(item: Item) -> None:
    frames = read_frames(item, "shape", data())
    out = np.empty((3, 3, 256, 256), np.float32)
    normalise_frames(frames, data(), out)
    expected = (frames[..., :3] / 255 - MEAN) / STD
    assert np.abs(out - expected.transpose(0, 3, 1, 2)).max() < 1e-5
    normalise_frames(frames, data("normalisation=half"), out)
    assert np.abs(out - (frames[..., :3] / 127.5 - 1).transpose(0, 3, 1, 2)).max() < 1e-5


def test_the_object_alone(tmp_path: Path) -> None:
    pixels = np.full((80, 120, 3), 255, np.uint8)
    pixels[10:30, 90:110] = (200, 30, 30)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    photo = Item("a", (str(tmp_path / "a.png"),), 0)
    settings = data("crop_to_object=true", "crop_margin=0", "image_size=32", "test_crop=1")
    found = read_frames(photo, "query", settings)[0]
    assert np.abs(found[4:-4, 4:-4, :3].astype(int) - (200, 30, 30)).max() < 12
    assert (read_frames(photo, "shape", settings)[0, 0, 0, :3] == 255).all()


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 30, b"\xff\xd8\xff\xe0",
                                     b"no picture at all"])
def test_an_unreadable_view_names_itself(item: Item, content: bytes) -> None:
    Path(item.files[1]).write_bytes(content)
    with pytest.raises(SampleError, match="xx.png: no whole picture of a kind that is read"):
        read_frames(item, "shape", data())


def corner(frame: np.ndarray, whole: np.ndarray) -> tuple[int, int, bool]:
    """Where an unscaled crop was cut from, and whether it is mirrored."""
    size = frame.shape[0]
    for mirrored in (False, True):
        cut = frame[:, ::-1] if mirrored else frame
        for top in range(whole.shape[0] - size + 1):
            for left in range(whole.shape[1] - size + 1):
                if np.array_equal(cut[0], whole[top, left:left + size]) and np.array_equal(
                        cut, whole[top:top + size, left:left + size]):
                    return left, top, mirrored
    raise AssertionError("no crop of that picture")


def test_as_released_every_view_has_its_own_crop_and_flip(item: Item) -> None:
    """224 of 256 pixels, cut out at whole ones; all 33 places come up, the ends too."""
    settings = data("augmentation=released")
    frames = read_frames(item, "shape", settings)
    rng, draws = np.random.default_rng(0), []
    for _ in range(40):
        changed = augment_frames(frames, "shape", rng, settings)
        draws += [[corner(one[..., :3], whole[..., :3]) for one, whole in zip(changed, frames)]]
    assert sum(len(set(own)) == 3 for own in draws) > 30
    flat = [place for own in draws for place in own]
    assert 40 < sum(mirrored for _, _, mirrored in flat) < 80
    lefts = {left for left, _, _ in flat}
    assert {0, 32} <= lefts | {top for _, top, _ in flat} <= set(range(33)) and len(lefts) > 25
    alike = augment_frames(frames, "shape", rng, data())
    assert alike.shape == changed.shape
    together = augment_frames(frames, "shape", rng, settings, mirror=True)
    assert all(corner(one[..., :3], whole[..., :3])[2] for one, whole in zip(together, frames))


def test_as_released_a_picture_is_cut_out_in_the_same_way(item: Item) -> None:
    settings = data("augmentation=released")
    frames = read_frames(Item("photo", item.files[:1], 0), "query", settings)
    for seed in range(5):
        found = augment_frames(frames, "query", np.random.default_rng(seed), settings)
        left, top, _ = corner(found[0, ..., :3], frames[0, ..., :3])
        assert 0 <= left <= 32 and 0 <= top <= 32


def test_a_released_crop_of_another_size_stays_inside(item: Item) -> None:
    """Scaled crops begin at a whole pixel; nothing from outside the picture comes in."""
    settings = data("augmentation=released", "view_crop=[0.5, 1]", "view_size=64")
    frames = read_frames(item, "shape", settings)
    white = np.full_like(frames, 255)
    for seed in range(20):
        found = augment_frames(white, "shape", np.random.default_rng(seed), settings)
        assert found.min() == 255
