"""Finds and reads the ImageNet weights a config names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np

from crossmodal.runtime import paths
from crossmodal.runtime.digest import file_digest
from crossmodal.weights.errors import WeightsError
from crossmodal.weights.names import to_torchvision
from crossmodal.weights.read import SUFFIXES, read_weights

FOLDER = "pretrained_resnet"
SOURCE = "https://download.pytorch.org/models/"
FILES = {  # torchvision's, by the name of the network
    "resnet18": "resnet18-f37072fd.pth", "resnet34": "resnet34-b627a593.pth",
    "resnet50": "resnet50-0676ba61.pth", "resnet101": "resnet101-63fe2227.pth",
    "resnet152": "resnet152-394f9c45.pth", "alexnet": "alexnet-owt-7be5be79.pth",
    "vgg11": "vgg11-8a719046.pth", "vgg11_bn": "vgg11_bn-6002323d.pth",
    "vgg13": "vgg13-19584684.pth", "vgg13_bn": "vgg13_bn-abd245e5.pth",
    "vgg16": "vgg16-397923af.pth", "vgg16_bn": "vgg16_bn-6c64b313.pth",
    "vgg19": "vgg19-dcbb9e9d.pth", "vgg19_bn": "vgg19_bn-c79401a0.pth",
    "mobilenet_v2": "mobilenet_v2-b0353104.pth",
}
DIGEST_IN_NAME = re.compile(r"-([0-9a-f]{8})\.[a-z]+$")


def find_pretrained(name: str) -> Path:
    """The file for ``model.pretrained``.

    A path, as given or under the repository root; else a file of pretrained_resnet/ with that name,
    with that name and a known suffix, or that starts with the name and a "-" or "_", as
    ``resnet50-0676ba61.pth`` for "resnet50"; but ``vgg16_bn-...`` is another network than "vgg16".
    Raises WeightsError naming what was looked for.
    """
    try:
        path = Path(paths.find(name))
        if path.is_file():
            return path
    except FileNotFoundError:
        pass
    try:
        folder = Path(paths.find(FOLDER))
    except FileNotFoundError:
        folder = Path(paths.REPO_ROOT) / FOLDER
    files = sorted(p for p in folder.glob("*") if p.name.endswith(SUFFIXES)) \
        if folder.is_dir() else []
    named = [p for p in files if name in (p.name, p.stem)]
    starting = [p for p in files if p.name.startswith((f"{name}-", f"{name}_"))
                and not p.name.startswith((f"{name}_bn-", f"{name}_bn."))]
    if named or starting:
        return (named or starting)[0]
    fetch = f"get them with `wget -P {shlex.quote(str(folder))} {SOURCE}{FILES[name]}`" \
        if name in FILES else f"put the file there (see {FOLDER}/README.md)"
    raise WeightsError(
        f"no weights '{name}': neither that path nor {folder}/{name}[-...]"
        f"{{{','.join(SUFFIXES)}}} is there: {fetch}, or start from random weights with "
        "--set model.pretrained=none"
    )


def read_pretrained(name: str) -> tuple[dict[str, np.ndarray], Path, str]:
    """(tensors under torchvision's names, the file, its SHA-256) for ``model.pretrained``."""
    path = find_pretrained(name)
    digest = file_digest(path)
    check_named_digest(path, digest)
    return to_torchvision(read_weights(path)), path, digest


def check_named_digest(path: Path, digest: str) -> None:
    """Raises WeightsError when a name such as resnet50-0676ba61.pth, which ends in the first eight
    digits of the file's SHA-256, does not tell the truth."""
    named = DIGEST_IN_NAME.search(path.name)
    if named is not None and not digest.startswith(named.group(1)):
        raise WeightsError(f"{path}: its SHA-256 starts with {digest[:8]}, not with the "
                           f"{named.group(1)} of its name; the download is incomplete or altered, "
                           "fetch it again")
