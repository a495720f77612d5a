"""Fill-up shapes as released: passes through the whole gallery that go on over steps and epochs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from tiny_data import Tiny

from crossmodal.data.batches import TrainBatches
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.gallery_stream import GalleryStream, StepStream
from crossmodal.data.loader import Loader, one_batch


def stream() -> GalleryStream:
    """Seven shapes, three a batch: pass 0 in order, pass 1 backwards, and so on."""
    return GalleryStream(7, 3, lambda number: np.arange(7)[::1 - 2 * (number % 2)])


def test_by_hand() -> None:
    found = stream()
    assert found.fetch([5, 5, 5]) == [0, 1, 2]  # shape 2 finds no room and is thrown away
    assert found.fetch([3, 4, 6]) == []  # no slot is free: nothing is fetched
    assert found.fetch([3, 3, 4]) == [3, 4, 5]  # two of these are there; shape 6 ends no batch
    assert found.passes_begun == 1
    assert found.fetch([6, 6, 5]) == [6, 5, 4] and found.passes_begun == 2
    assert found.fetch([3, 3, 2]) == [3, 2, 1]
    assert found.fetch([0, 1, 1]) == [0, 1, 2] and found.passes_begun == 3


def test_another_batch_is_fetched_where_one_does_not_suffice() -> None:
    found = GalleryStream(6, 3, lambda number: np.arange(6))
    assert found.fetch([0, 1, 1]) == [0, 1, 2]
    assert found.fetch([3, 4, 4]) == [3, 4, 5]
    assert GalleryStream(6, 4, lambda number: np.arange(6)).fetch([0, 1, 2, 2]) == [0, 1, 2, 3]
    assert GalleryStream(3, 3, lambda number: np.roll(np.arange(3), number)).fetch([2, 2, 2]) == [
        0, 1, 2]


def test_a_gallery_smaller_than_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match="takes 8 shapes at a time, and there are 7"):
        GalleryStream(7, 8, np.arange)


def test_any_step_can_be_asked_for() -> None:
    shown = np.random.default_rng(0).integers(0, 7, (5, 4, 3))
    steps = [(epoch, step) for epoch in range(5) for step in range(4)]
    one, expected = stream(), {}
    for epoch, step in steps:
        expected[epoch, step] = one.fetch(shown[epoch][step].tolist())
    found = StepStream(stream, lambda epoch: shown[epoch])
    for place in (steps[7], steps[7], *steps[3:], steps[0], steps[19]):
        assert found.offered(*place) == expected[place]


@pytest.fixture
def tiny(make_tiny: Callable[..., Tiny]) -> Tiny:
    """With three shapes more than are trained on."""
    made = make_tiny()
    for number in range(3):
        np.save(made.folder / "rendering_tiny" / "chair" / f"more_{number}.npy",
                np.full((3, 24, 24), number, np.uint8))
    return made


def batches(tiny: Tiny) -> TrainBatches:
    data = tiny.config("fill_up=gallery", "batch_size=4")
    return TrainBatches(InstanceDataset.load(data), data, seed=1)


def test_batches_are_filled_up_from_the_whole_gallery(tiny: Tiny) -> None:
    """Test shapes too; the same from any number of workers, and from the middle."""
    made = batches(tiny)
    dataset = InstanceDataset.load(tiny.data)
    assert set(made.shapes) == set(dataset.gallery) > set(dataset.train_shapes)
    with Loader(made) as loader:
        expected = [[batch.shape_keys for batch in loader.epoch(epoch)] for epoch in range(4)]
    fillers = {key for epoch in expected for keys in epoch for key in keys}
    assert fillers - set(dataset.train_shapes)
    with Loader(batches(tiny), 2) as loader:
        assert [[b.shape_keys for b in loader.epoch(e)] for e in range(4)] == expected
        assert [b.shape_keys for b in loader.epoch(2, 1)] == expected[2][1:]
    for epoch in (3, 0):
        assert one_batch(batches(tiny), epoch, 1).shape_keys == expected[epoch][1]
    for keys in (keys for epoch in expected for keys in epoch):
        assert len(set(keys)) == 4


def test_a_filler_that_cannot_be_read_is_passed_over(tiny: Tiny) -> None:
    made = batches(tiny)
    unread = made.shapes[-1]
    offered = [step for step in range(40) if len(made.shapes) - 1 in made._stream.offered(
        step // made.steps(), step % made.steps())]
    assert offered
    made._bad[str(unread)] = "torn"
    for step in offered:
        batch = one_batch(made, step // made.steps(), step % made.steps())
        assert unread not in batch.shape_keys and len(set(batch.shape_keys)) == 4
