"""CPU kernels for what Jittor's own operators do slowly: convolutions on blocked maps and the
passes around them, and the optimiser's step.

A map is *blocked* when its channels lie in groups of 8 or 16, (N, C / group, H, W, group): oneDNN
computes on it without rearranging it before and after every convolution. Inside a backbone a map of
five axes is blocked; :mod:`crossmodal.kernels.maps` leads there and back. The kernels are C++
(``source/``), compiled once for the machine; where that cannot be done, and on a GPU, the layers
use Jittor's operators, which compute the same.
"""
from __future__ import annotations
