"""Converts a file of weights to safetensors under torchvision's names.

    python -m crossmodal.weights.convert resnet50.pth pretrained_resnet/resnet50.safetensors
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from crossmodal.runtime.atomic import atomic_write
from crossmodal.runtime.digest import file_digest
from crossmodal.runtime.limits import add_memory_option
from crossmodal.runtime.log import get_logger
from crossmodal.weights import safetensors_file
from crossmodal.weights.names import to_torchvision
from crossmodal.weights.read import read_weights

logger = get_logger(__name__)


def convert(source: Path, target: Path) -> Path:
    """Writes the tensors of `source` to the safetensors file `target`, whole or not at all.

    The metadata keeps the source's name and SHA-256. Raises what `read_weights` raises.
    """
    tensors = to_torchvision(read_weights(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(target) as file:
        about = {"source": source.name, "source_sha256": file_digest(source)}
        safetensors_file.write(file, tensors, about)
    return target


def main(arguments: Sequence[str] | None = None) -> Path:
    """The command line; returns the file it wrote."""
    parser = argparse.ArgumentParser(description="Converts weights to safetensors.")
    parser.add_argument("source", type=Path, help=".pth, .pt, .pkl, .npz or .safetensors")
    parser.add_argument("target", type=Path, help="the .safetensors file to write")
    add_memory_option(parser)
    given = parser.parse_args(arguments)
    if given.target.suffix != ".safetensors":
        parser.error(f"{given.target}: the target must end in .safetensors")
    try:
        path = convert(given.source, given.target)
    except (ValueError, OSError) as error:
        parser.exit(1, f"{error}\n")
    logger.info("%s: %d tensors, SHA-256 %s", path, len(read_weights(path)), file_digest(path))
    return path


if __name__ == "__main__":
    main(sys.argv[1:])
