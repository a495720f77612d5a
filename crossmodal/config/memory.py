"""What batches of a configuration take of memory, and that the machine has it.

It is computed from the settings alone, before anything is read: at least so much is needed.
"""

from __future__ import annotations

from typing import Any, Union

from crossmodal.config.category import CategoryConfig
from crossmodal.config.instance import Config
from crossmodal.config.typed import ConfigError
from crossmodal.runtime.limits import in_words, machine_memory

AnyConfig = Union[Config, CategoryConfig]
_NUMBER = 4  # bytes of a float32
_TEST_PREFETCH = 2  # batches that a test's workers make ahead


def check_memory(config: AnyConfig, training: bool = True, machine: int | None = None) -> None:
    """Raise ConfigError where batches of `config` cannot fit into memory.

    training : look at training batches too, not only at those of a test
    machine : bytes of memory that there are; none: this machine's
    """
    have = machine_memory() if machine is None else machine
    kinds = [_test_batch]
    if training and not _only_features(config):
        kinds.insert(0, _training_batch)
    for kind in kinds:
        what, batch, copies, remedy = kind(config)
        data = config.data
        caches = max(data.workers, 1) * data.cache_mib * 2**20
        if batch * copies + caches > have:
            raise ConfigError(
                f"{what} takes {in_words(batch * copies)} in {copies} copies, and kept pictures "
                f"{in_words(caches)}; this machine has {in_words(have)}: lower {remedy}, "
                "data.workers or data.cache_mib")


def batch_bytes(pictures: int, channels: int, side: int) -> int:
    """Bytes of so many square float32 pictures."""
    return _NUMBER * pictures * channels * side * side


def copies_of(workers: int, prefetch: int) -> int:
    """How many batches are there at a time: those made ahead, and the one that is computed with."""
    return workers * prefetch + 1


def _training_batch(config: AnyConfig) -> tuple[str, int, int, str]:
    """(what it is, bytes, copies, settings that make it smaller) of a training batch."""
    data, (of_picture, of_view) = config.data, _channels(config)
    views = data.views_per_step or data.views
    size = batch_bytes(data.batch_size, of_picture, data.image_size) + batch_bytes(
        data.batch_size * views, of_view, data.view_size)
    return (f"a batch of {data.batch_size} pictures of {data.image_size} px and {views} views each "
            f"of {data.view_size} px", size, copies_of(data.workers, data.prefetch),
            "data.batch_size, data.views_per_step, data.prefetch")


def _test_batch(config: AnyConfig) -> tuple[str, int, int, str]:
    """The same of a test's batch, of pictures or of views, whichever is larger."""
    data, (of_picture, of_view) = config.data, _channels(config)
    shapes = data.eval_batch_size
    if isinstance(config, CategoryConfig):
        shapes = max(1, shapes // data.views)
    pictures = batch_bytes(data.eval_batch_size, of_picture, data.image_size)
    views = batch_bytes(shapes * data.views, of_view, data.view_size)
    what = f"a test's batch of {data.eval_batch_size} pictures of {data.image_size} px" \
        if pictures >= views else \
        f"a test's batch of {shapes} shapes' {data.views} views of {data.view_size} px"
    return (what, max(pictures, views), copies_of(data.workers, _TEST_PREFETCH),
            "data.eval_batch_size")


def _channels(config: AnyConfig) -> tuple[int, int]:
    """Channels of a picture and of a view in a batch: with its mask and gray, or both RGB."""
    return (3, 3) if isinstance(config, CategoryConfig) else (4, 1)


def _only_features(config: AnyConfig) -> bool:
    """Whether training may read the features of fixed variants, and no pixels."""
    data: Any = config.data
    return bool(data.image_variants and data.view_variants) and config.model.freeze != "none"
