"""Weights of other people's making, as plain arrays; no torch needed, no code run."""
