"""Miniatures of ShapeNetCore, MI3DOR and Office-31, laid out as their owners' copies are."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image
from small_items import CORNERS, FACES

from crossmodal.config import DomainConfig
from crossmodal.data.domains import Domains, load_test
from crossmodal.prepare.mi3dor_source import CLASSES
from crossmodal.prepare.office31 import CLASSES as OFFICE_CLASSES
from crossmodal.prepare.shapenet_source import FILES, SYNSETS

# How ShapeNet's releases turn a shape that faces +z, y up: v1 to +x, v2 to -z.
TURNS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "v1": lambda v: np.stack([v[:, 2], v[:, 1], -v[:, 0]], axis=1),
    "v2": lambda v: v * [-1, 1, -1],
}
SMALL = ["airplane", "bed", "flower_pot"]  # classes of a copy that is made faster
MI3DOR_LABELS = {name: number for number, name in enumerate(CLASSES[1])}


def chair(width: float = 1.0) -> list[np.ndarray]:
    """Corners (8, 3) of the parts of an open, lopsided chair: seat, a high back, one arm at +x."""
    seat = CORNERS * [width / 2, 0.1, 0.5]
    back = CORNERS * [width / 2, 0.6, 0.05] + [0, 0.6, -0.5]
    arm = CORNERS * [0.05, 0.2, 0.4] + [width / 2, 0.3, 0]
    return [seat, back, arm]


def obj_bytes(parts: Sequence[np.ndarray], turn: Callable[[np.ndarray], np.ndarray]) -> bytes:
    """Parts as groups with materials that are not there; the last lacks a side (not watertight)."""
    lines = ["mtllib model.mtl"]
    for number, corners in enumerate(parts):
        lines += [f"g part_{number}", f"usemtl colour_{number}"]
        lines += [f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in turn(corners)]
        faces = FACES[:-2] if number == len(parts) - 1 else FACES
        lines += [f"f {a} {b} {c}" for a, b, c in faces + 1 + 8 * number]
    return ("\n".join(lines) + "\n").encode()


def off_bytes(parts: Sequence[np.ndarray]) -> bytes:
    """Parts as an .off file like ModelNet's, z up and the front to -y."""
    corners = np.concatenate(parts) @ [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    faces = [f"3 {a} {b} {c}" for n in range(len(parts)) for a, b, c in FACES + 8 * n]
    lines = ["OFF", f"{len(corners)} {len(faces)} 0"]
    return ("\n".join([*lines, *(f"{x} {y} {z}" for x, y, z in corners), *faces])).encode()


def shapenet_files(
    layout: str, categories: Iterable[str] = tuple(SYNSETS), count: int = 2
) -> dict[str, bytes]:
    """{path: content} of a copy: ``SYNSET/ID/...``, and the csv file that lies beside."""
    files = {}
    for category in categories:
        for number in range(count):
            content = obj_bytes(chair(1 + number / 2), TURNS[layout])
            files[f"{SYNSETS[category]}/{category}{number}/{FILES[layout]}"] = content
        files[f"{SYNSETS[category]}/{SYNSETS[category]}.csv"] = b"fullId,wnsynset\n"
    return files


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


def picture(shade: int = 90, kind: str = "JPEG", mode: str = "RGB", size=(8, 6)) -> bytes:
    content = io.BytesIO()
    image = Image.new("RGB", size, (shade % 256, 120, 40)).convert(mode)
    image.save(content, kind)
    return content.getvalue()


def mi3dor_files(classes: Sequence[str], side: str, photos: int = 2, views: int = 12) -> dict:
    """One side of the SHREC track's layout: ``image/``, ``view/`` with one shape a class."""
    files = {}
    photo, view = picture(), picture(200, "PNG", "L")
    for name in classes:
        for number in range(photos):
            files[f"image/{side}/{name}/{name}_{number}.jpg"] = photo
        for number in range(1, views + 1):
            shape = f"{name}_{side}_0001"
            files[f"view/{side}/{name}/{shape}/{shape}_{number}.png"] = view
    return files


def mi3dor_by_kind(folder: Path, classes: Sequence[str] = tuple(CLASSES[1])) -> Path:
    return write_files(folder, {**mi3dor_files(classes, "train"), **mi3dor_files(classes, "test")})


def mi3dor_by_side(folder: Path) -> Path:
    """``train/2D/images`` + ``label.txt``, ``test/2D`` + ``labels.txt`` with CRLF; the same 3D."""
    for side, inner, label in (("train", "images/", "label.txt"), ("test", "", "labels.txt")):
        found = mi3dor_files(CLASSES[1], side)
        lines: dict[str, list[str]] = {"2D": [], "3D": []}
        for path, content in found.items():
            kind = "2D" if path.startswith("image") else "3D"
            name = "/".join(path.split("/")[2:])
            write_files(folder, {f"{side}/{kind}/{inner}{name}": content})
            if kind == "2D" or path.endswith("_1.png"):  # a shape is named by one of its views
                lines[kind].append(f"{name} {MI3DOR_LABELS[name.split('/')[0]]}")
        for kind, text in lines.items():
            content = ("\r\n".join(text) + "\r\n").encode()
            write_files(folder, {f"{side}/{kind}/{label}": content})
    return folder


def mi3dor_2(folder: Path) -> Path:
    """``train/2D``, ``train/3D`` and lists of every picture beside them, with a leading slash."""
    for side in ("train", "test"):
        found = mi3dor_files(CLASSES[2], side, photos=1)
        lines: dict[str, list[str]] = {"Image": [], "View": []}
        for path, content in found.items():
            kind, word = ("2D", "Image") if path.startswith("image") else ("3D", "View")
            name = "/".join(path.split("/")[2:])
            write_files(folder, {f"{side}/{kind}/{name}": content})
            lines[word].append(f"/{name} {CLASSES[2].index(name.split('/')[0])}")
        for word, text in lines.items():
            content = ("\n".join(text) + "\n").encode()
            write_files(folder, {f"{side}/MI3DOR_2_{word}_{side}_list.txt": content})
    return folder


def loaded(root: Path, name: str = "mi3dor1") -> tuple[Domains, list, list]:
    """What training and test see of converted lists: domains, queries, gallery."""
    data = DomainConfig(root=str(root), name=name)
    domains = Domains.load(data, 0)
    return domains, *load_test(data, domains.classes)


def office_files(photos: int = 2) -> dict[str, bytes]:
    """The unpacked archive; its shades differ by domain."""
    return {
        f"{domain}/images/{name}/frame_{number:04d}.jpg": picture(shade)
        for shade, domain in ((10, "amazon"), (80, "dslr"), (150, "webcam"))
        for name in OFFICE_CLASSES
        for number in range(1, photos + 1)
    }
