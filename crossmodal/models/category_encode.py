"""Features, logits and guesses of pictures and shapes from a trained CategoryNet."""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from crossmodal import checkpoint
from crossmodal.checkpoint.state import required
from crossmodal.config import CategoryConfig
from crossmodal.config.load import tree_from_dict
from crossmodal.data.domain_batches import ItemBatches
from crossmodal.data.image_lists import Item
from crossmodal.data.loader import Loader
from crossmodal.models.build import build_category_net
from crossmodal.models.category_net import CategoryNet
from crossmodal.models.encode import fingerprint_of, gather
from crossmodal.models.tensors import assign, named_tensors
from crossmodal.runtime import jt

NET = "net."  # what a test needs of a checkpoint's tensors


@dataclass(frozen=True)
class Embedded:
    """What is known of n items after the network has seen them.

    feature : (n, D) float32, bottleneck, maximum over an item's views
    outputs : (n, C) float32 logits
    read : (n,) bool, could the item's files be read; rows that could not are zero
    """

    feature: np.ndarray
    outputs: np.ndarray
    read: np.ndarray


def trained_config(saved: checkpoint.Checkpoint, place: str | Path) -> CategoryConfig:
    """What a checkpoint was trained with; CheckpointError for one of the instance level."""
    if "classes" not in saved.state:
        raise checkpoint.CheckpointError(
            f"{place}: not a category-level checkpoint; test it with Instance-level/"
            "RetrievalNet_test.py, or train one with train_image_sag_CO2_con.py")
    return tree_from_dict(CategoryConfig, required(saved.state, "config", place), str(place))


class CategoryEncoder:
    """A network ready to embed; it is put into evaluation mode.

    classes : the names it was trained with
    fingerprint : names the weights and how pictures are prepared
    """

    def __init__(self, net: CategoryNet, config: CategoryConfig, classes: Sequence[str],
                 fingerprint: str = "") -> None:
        self.net, self.config = net, config
        self.classes, self.fingerprint = list(classes), fingerprint
        net.eval()

    @classmethod
    def from_checkpoint(cls, place: str | Path) -> CategoryEncoder:
        """Build the network that a checkpoint (a file or a run's folder) describes.

        Raises CheckpointError, also for a checkpoint of the instance level.
        """
        saved = checkpoint.load(place)
        config = trained_config(saved, place)
        classes = saved.state["classes"]
        net = build_category_net(config.model, len(classes), pretrained=False)
        arrays = {name[len(NET):]: array for name, array in saved.model.items()
                  if name.startswith(NET)}
        tensors = named_tensors(net)
        checkpoint.check_fit(arrays, tensors, str(place))
        assign(tensors, arrays)
        return cls(net, config, classes, fingerprint_of(
            arrays, (config.model, config.data.test_crop), config.data))

    def pool(self, items: Sequence[Item], kind: str, workers: int = 0
             ) -> tuple[np.ndarray, np.ndarray]:
        """(n, F) features of the backbone alone, the maximum over an item's views; (n,) read."""
        def pooled(pixels: np.ndarray) -> np.ndarray:
            with jt.no_grad():
                rows = self.net.encoder.upper(self._low(pixels)).numpy()
            return rows.reshape((*pixels.shape[:2], -1)).max(1)

        noun = "pictures" if kind == "query" else "shapes"
        return gather(Loader(ItemBatches(items, kind, self.config.data), workers), len(items),
                      noun, lambda batch: pooled(batch.pixels))

    def rows(self, pixels: np.ndarray) -> np.ndarray:
        """(N, V, 3, H, W) float32 normalised -> (N, D + C) feature and logits."""
        with jt.no_grad():
            low = self._low(pixels)
            return self._finish(low.reshape((*pixels.shape[:2], *low.shape[1:])))

    def lower(self, pixels: np.ndarray) -> np.ndarray:
        """(N, V, 3, H, W) float32 normalised -> (N, V, C', H', W') maps at the split."""
        with jt.no_grad():
            low = self._low(pixels).numpy()
        return low.reshape((*pixels.shape[:2], *low.shape[1:]))

    def finish(self, low: np.ndarray) -> np.ndarray:
        """(N, V, C', H', W') maps at the split -> (N, D + C) feature and logits."""
        with jt.no_grad():
            return self._finish(jt.array(low))

    def _low(self, pixels: np.ndarray) -> jt.Var:
        """(N, V, 3, H, W) -> (N * V, C', H', W')."""
        return self.net.encoder.lower(jt.array(pixels.reshape((-1, *pixels.shape[2:]))))

    def _finish(self, low: jt.Var) -> np.ndarray:
        feature = self.net.finish_items(low)
        return jt.concat([feature, self.net.classify(feature)], dim=1).numpy()
