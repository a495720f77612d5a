"""Losses, one a file: arrays in, a differentiable scalar out."""
from __future__ import annotations

from crossmodal.losses.category_loss import category_loss
from crossmodal.losses.consistency_loss import consistency_loss
from crossmodal.losses.contrast_loss import contrast_loss
from crossmodal.losses.instance_loss import instance_loss

__all__ = ["category_loss", "consistency_loss", "contrast_loss", "instance_loss"]
