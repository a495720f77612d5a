"""Photo renders: exact masks, nothing but the generator decides, every preset, and the speed."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from simple_shapes import cube, marked_body, sphere
from yardstick import relative_time

from crossmodal.geometry.camera import Camera
from crossmodal.geometry.mesh import normalise
from crossmodal.geometry.photo import PhotoModel, random_camera, render_photo
from crossmodal.geometry.photo_settings import CATALOGUE, PRESETS, ROOM
from crossmodal.geometry.raycast import Caster

MODEL = PhotoModel(marked_body())
WHITE = replace(
    CATALOGUE, backgrounds={"white": 1.0}, shadow_chance=0, floor_shadow_chance=0, blur=(0, 0)
)
STILL = replace(WHITE, grain=(0, 0))


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(seed))


@pytest.mark.parametrize("preset", sorted(PRESETS))
def test_the_generator_alone_decides(preset: str) -> None:
    picture, mask = render_photo(MODEL, PRESETS[preset], rng(3), 64)
    again, mask_again = render_photo(MODEL, PRESETS[preset], rng(3), 64)
    other, _ = render_photo(MODEL, PRESETS[preset], rng(4), 64)
    assert picture.shape == (64, 64, 3) and picture.dtype == np.uint8
    assert mask.shape == (64, 64) and set(np.unique(mask)) == {0, 255}
    np.testing.assert_array_equal(picture, again)
    np.testing.assert_array_equal(mask, mask_again)
    assert (picture != other).any()


def test_the_mask_is_exact() -> None:
    """Counted pixel by pixel: the object is where at least two of four rays hit it."""
    camera = Camera(20, 25, 0, 35, 0.9, (0.1, -0.05))
    _, mask = render_photo(MODEL, STILL, rng(0), 48, camera)
    caster = Caster(normalise(marked_body()))
    origin, directions = camera.rays(96)
    hit = caster.cast(origin, directions).hit.reshape(48, 2, 48, 2).sum(axis=(1, 3))
    np.testing.assert_array_equal(mask == 255, hit >= 2)


def test_outside_the_mask_a_white_background_is_white() -> None:
    camera = Camera(20, 25)
    picture, mask = render_photo(MODEL, STILL, rng(1), 64, camera)
    origin, directions = camera.rays(128)
    touched = Caster(MODEL.mesh).cast(origin, directions).hit.reshape(64, 2, 64, 2).any(axis=(1, 3))
    assert (picture[~touched] == 255).all()
    assert not touched.all() and (mask[~touched] == 0).all()


def test_the_object_fills_the_asked_share_of_the_frame() -> None:
    for seed in range(20):
        camera = random_camera(MODEL.mesh, replace(STILL, fill=(0.8, 0.8)), rng(seed))
        _, mask = render_photo(MODEL, STILL, rng(seed), 100, camera)
        rows, columns = np.nonzero(mask)
        side = max(np.ptp(rows), np.ptp(columns)) + 1
        assert side == pytest.approx(80, abs=2)
        assert rows.min() > 0 and columns.min() > 0 and rows.max() < 99 and columns.max() < 99


def test_what_is_in_front_is_not_in_the_mask_and_never_hides_too_much() -> None:
    settings = replace(STILL, occlusion_chance=1.0, occluded=0.3)
    camera, hidden = Camera(0, 10), 0
    whole = (render_photo(MODEL, STILL, rng(0), 64, camera)[1] > 0).sum()
    for seed in range(25):
        _, mask = render_photo(MODEL, settings, rng(seed), 64, camera)
        share = 1 - (mask > 0).sum() / whole
        assert 0 <= share <= 0.3 + 1e-9
        hidden += share > 0
    assert hidden >= 5


def test_materials_and_light_vary_but_the_shape_does_not() -> None:
    camera = Camera(30, 20)
    pictures = [render_photo(MODEL, STILL, rng(seed), 48, camera) for seed in range(8)]
    assert all((mask == pictures[0][1]).all() for _, mask in pictures)
    inside = pictures[0][1] > 0
    means = np.array([picture[inside].mean(0) for picture, _ in pictures])
    assert means.std(0).min() > 10


def test_shadows_darken() -> None:
    lit = replace(STILL, sun=(0.7, 0.7), lamp=(0, 0), light_elevation=(30, 30))
    dark = replace(lit, shadow_chance=1.0, floor_shadow_chance=1.0)
    body = PhotoModel(marked_body())
    for seed in range(5):
        camera = Camera(30, 25)
        bright = render_photo(body, lit, rng(seed), 64, camera)[0].astype(int)
        shadowed = render_photo(body, dark, rng(seed), 64, camera)[0].astype(int)
        assert (shadowed <= bright).all() and (shadowed < bright - 20).any()


def test_every_background_is_drawn() -> None:
    for name in ROOM.backgrounds:
        settings = replace(ROOM, backgrounds={name: 1.0}, occlusion_chance=0)
        picture, mask = render_photo(MODEL, settings, rng(5), 64)
        assert picture[mask == 0].std() > (5 if name in ("room", "noise") else -1)


def test_a_photo_is_quick() -> None:
    model = PhotoModel(sphere(45))
    for settings in PRESETS.values():
        assert relative_time(partial(render_photo, model, settings, rng(0))) < 5  # about 1


def test_a_flat_mesh_can_be_photographed() -> None:
    flat = cube()
    sheet = type(flat)(flat.vertices * np.float32([1, 0, 1]), flat.faces[4:8])
    picture, mask = render_photo(PhotoModel(sheet), WHITE, rng(2), 48)
    assert mask.any() and picture.shape == (48, 48, 3)
