"""Networks embedded together give what each gives alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Callable

import numpy as np
import pytest
from golden.formula import uniform
from golden.golden_arrays import assert_near

from crossmodal.config import Config, override
from crossmodal.models.encode import Encoder
from crossmodal.models.encoder_group import EncoderGroup
from crossmodal.models.retrieval_net import RetrievalNet
from crossmodal.runtime import jt

CONFIG = override(Config(), [
    "data.image_size=64", "data.view_size=64", "data.views=2", "data.eval_batch_size=4",
    "model.query_backbone=resnet18", "model.view_backbone=resnet18", "model.z_dim=8"])
IMAGES, VIEWS = uniform("images", (3, 4, 64, 64)), uniform("views", (2, 2, 1, 64, 64))


@pytest.fixture
def encoders(make_net: Callable[..., RetrievalNet]) -> list[Encoder]:
    """Three networks: the second has another head, the third another stem too."""
    found = [Encoder(make_net(), CONFIG) for _ in range(3)]
    for encoder in found[1:]:
        head = encoder.net.query_encoder.network.fc[1].weight
        head.update(head + jt.array(uniform("head", tuple(head.shape))))
    stem = found[2].net.rendering_encoder.network.conv1.weight
    stem.update(stem * 1.5)
    return found


@pytest.mark.parametrize("count", (1, 2, 3))
def test_together_they_give_what_each_gives_alone(encoders: list[Encoder], count: int) -> None:
    chosen = encoders[:count]
    group = EncoderGroup(chosen)
    queries = group.split(group.embed_images(IMAGES))
    tokens = group.split_tokens(group.embed_views(VIEWS))
    assert len(queries) == len(tokens) == count
    for encoder, images, views in zip(chosen, queries, tokens):
        assert_near(images, encoder.embed_images(IMAGES), 1e-5)
        assert_near(views, encoder.embed_views(VIEWS), 1e-5)
    if count > 1:
        assert not np.allclose(queries[0], queries[1])


def test_a_common_lower_half_is_run_once(encoders: list[Encoder],
                                         monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    lower = Encoder.lower_views
    monkeypatch.setattr(Encoder, "lower_views",
                        lambda self, views: calls.append(1) or lower(self, views))
    EncoderGroup(encoders[:2]).embed_views(VIEWS)
    assert len(calls) == 1
    EncoderGroup(encoders).embed_views(VIEWS)  # the third one's lower half differs
    assert len(calls) == 1


def test_two_ways_of_preparing_pictures_are_refused(encoders: list[Encoder]) -> None:
    other = replace(CONFIG, data=replace(CONFIG.data, image_size=32))
    with pytest.raises(ValueError, match="prepared in 2 ways.*one at a time"):
        EncoderGroup([encoders[0], Encoder(encoders[1].net, other)])


def test_a_network_that_stacks_its_views_fits_in(encoders: list[Encoder]) -> None:
    stacking = RetrievalNet("resnet18", "resnet18", dim=8, view_channels=2)
    chosen = [encoders[0], Encoder(stacking, CONFIG)]
    group = EncoderGroup(chosen)
    found = group.split_tokens(group.embed_views(VIEWS))
    assert [part.shape for part in found] == [(2, 2, 8), (2, 1, 8)]
    for encoder, tokens in zip(chosen, found):
        assert_near(tokens, encoder.embed_views(VIEWS), 1e-5)
