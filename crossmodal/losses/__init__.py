"""Losses, one a file: arrays in, a differentiable scalar out."""
from __future__ import annotations

from crossmodal.losses.category_loss import category_loss
from crossmodal.losses.centroid_alignment_loss import CentroidState, centroid_alignment_loss
from crossmodal.losses.consistency_loss import consistency_loss
from crossmodal.losses.contrast_loss import contrast_loss
from crossmodal.losses.domain_adversarial_loss import (
    conditional_map,
    domain_adversarial_loss,
    entropy_weights,
)
from crossmodal.losses.entropy_loss import entropy_loss
from crossmodal.losses.instance_loss import instance_loss
from crossmodal.losses.label_smoothing_loss import label_smoothing_loss
from crossmodal.losses.orthogonal_projection_loss import orthogonal_projection_loss
from crossmodal.losses.spectral_loss import frobenius_norm_loss, nuclear_norm_loss
from crossmodal.losses.target_regulariser import TARGET_REGULARISERS, target_regulariser

__all__ = [
    "TARGET_REGULARISERS", "CentroidState", "category_loss", "centroid_alignment_loss",
    "conditional_map", "consistency_loss", "contrast_loss", "domain_adversarial_loss",
    "entropy_loss", "entropy_weights", "frobenius_norm_loss", "instance_loss",
    "label_smoothing_loss", "nuclear_norm_loss", "orthogonal_projection_loss",
    "target_regulariser",
]
