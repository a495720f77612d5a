"""Miniatures of Pix3D, Stanford Cars and CompCars as their owners give them out, oddities included.

Every photo shows a bright box on a dark ground, and its mask is that box: after conversion the two
must still agree, whatever was rotated, shrunk or linked on the way (`agree`).
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat
from small_items import box_obj, write_box

from crossmodal.config import DataConfig
from crossmodal.data.dataset import InstanceDataset
from crossmodal.data.images import read_picture

BOX = (0.25, 0.2, 0.6, 0.7)  # left, top, right, bottom, as parts of the photo
INVERSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
SHAPES = {
    "bed": ("BED_1", "BED_2"),
    "chair": ("IKEA_POSED", "open shape", "IKEA_LINK"),
    "sofa": ("SOFA_1",),
    "table": ("TABLE_1",),
    "misc": ("THING",),
}


def shown(size: tuple[int, int]) -> tuple[Image.Image, Image.Image]:
    """An upright photo of this size and its mask."""
    width, height = size
    mask = np.zeros((height, width), np.uint8)
    left, top, right, bottom = pixel_box(size)
    mask[top:bottom, left:right] = 255
    rgb = np.where(mask[..., None] > 0, np.uint8([230, 220, 210]), np.uint8([30, 20, 40]))
    return Image.fromarray(rgb), Image.fromarray(mask)


def pixel_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of a photo of this size, in pixels from 0, right and bottom exclusive."""
    width, height = size
    return (round(BOX[0] * width), round(BOX[1] * height), round(BOX[2] * width),
            round(BOX[3] * height))


def write_photo(path: Path, size: tuple[int, int] = (40, 30), mode: str = "RGB",
                turn: int = 1) -> Image.Image:
    """Write a photo (EXIF orientation `turn`) and return its mask, as the photo is shown."""
    path.parent.mkdir(parents=True, exist_ok=True)
    photo, mask = shown(size)
    if mode == "RGBA":
        photo.putalpha(255)
    stored = photo.convert(mode) if mode != "P" else photo.quantize(16)
    exif = Image.Exif()
    exif[0x0112] = turn
    stored = stored.transpose(INVERSE[turn]) if turn != 1 else stored
    extra = {"quality": 95} if path.suffix == ".jpg" else {}
    stored.save(path, exif=exif.tobytes(), **extra)
    return mask


def write_pix3d(folder: Path, photos: int = 4) -> Path:
    """Shapes of `SHAPES` with `photos` plain photos each, and one photo of every odd kind."""
    entries = []
    for category, instances in SHAPES.items():
        for instance in instances:
            for index in range(photos):
                name = f"{category}/{instance}-{index}.png"
                model = f"model/{category}/{instance}/model.obj"
                entries.append(add_photo(folder, name, category, model))
    _write_models(folder)
    posed = "model/chair/IKEA_POSED/model_-1.5_2.5.obj"
    entries += [
        add_photo(folder, "chair/0101.jpg", "chair", posed),
        add_photo(folder, "chair/0102.png", "chair", posed, mode="RGBA"),
        add_photo(folder, "chair/0103.png", "chair", posed, mode="P"),
        add_photo(folder, "chair/0104.jpg", "chair", posed, mode="L"),
        add_photo(folder, "chair/st\u00fchl 12.jpg", "chair", posed),
        add_photo(folder, "chair/0105.jpg", "chair", posed, turn=6, mask_stored=True),
        add_photo(folder, "chair/0106.jpg", "chair", posed, turn=8),
        add_photo(folder, "chair/0107.jpg", "chair", posed, size=(8000, 1000)),
        add_photo(folder, "chair/0108.jpg", "chair", posed, size=(1500, 2000), turn=5),
    ]
    flagged = [
        {**add_photo(folder, f"sofa/{flag}.png", "sofa", "model/sofa/SOFA_1/model.obj"), flag: True}
        for flag in ("truncated", "occluded", "slightly_occluded")
    ]
    return write_entries(folder, entries + flagged)


def write_entries(folder: Path, entries: list) -> Path:
    (folder / "pix3d.json").write_text(json.dumps(entries, ensure_ascii=False), encoding="utf-8")
    return folder


def read_entries(folder: Path) -> list:
    return json.loads((folder / "pix3d.json").read_text(encoding="utf-8"))


def add_photo(folder: Path, name: str, category: str, model: str, size: tuple[int, int] = (40, 30),
              mode: str = "RGB", turn: int = 1, mask_stored: bool = False) -> dict:
    """A photo and its mask, drawn on the stored or on the shown photo; returns the json entry."""
    mask = write_photo(folder / "img" / name, size, mode, turn)
    mask_path = (folder / "mask" / name).with_suffix(".png")
    mask_path.parent.mkdir(parents=True, exist_ok=True)
    (mask.transpose(INVERSE[turn]) if mask_stored else mask).save(mask_path)
    return {
        "img": f"img/{name}", "mask": f"mask/{Path(name).with_suffix('.png')}",
        "category": category, "model": model, "voxel": "voxel/x.mat", "img_size": list(size),
        "truncated": False, "occluded": False, "slightly_occluded": False, "2d_keypoints": [],
    }


def _write_models(folder: Path) -> None:
    """Boxes; one shape in two poses and no model.obj, one with a hole, one behind a link."""
    for number, (category, instances) in enumerate(SHAPES.items()):
        for index, instance in enumerate(instances):
            path = folder / "model" / category / instance / "model.obj"
            write_box(path, (1 + number, 1, 1 + index))
    posed = folder / "model" / "chair" / "IKEA_POSED"
    (posed / "model.obj").rename(posed / "model_-1.5_2.5.obj")
    write_box(posed / "model_0_0.obj")
    hole = folder / "model" / "chair" / "open shape" / "model.obj"
    parts = [box_obj((1, 1, 1)).decode().rsplit("f", 2)[0], "o second", "v 2 0 0", "v 3 0 0",
             "v 2 1 0", "f 9 10 11"]
    hole.write_text("mtllib gone.mtl\n" + "\n".join(parts) + "\n")
    link = folder / "model" / "chair" / "IKEA_LINK" / "model.obj"
    elsewhere = folder.parent / "elsewhere" / "model.obj"
    elsewhere.parent.mkdir(exist_ok=True)
    link.rename(elsewhere)
    link.symlink_to(elsewhere)


def write_shapenet(folder: Path, ids: tuple[str, ...]) -> Path:
    """ShapeNet v1's cars."""
    for index, name in enumerate(ids):
        write_box(folder / "02958343" / name / "model.obj", (2 + index, 1, 1))
    return folder


def write_annotations(folder: Path, train: dict[str, str], test: dict[str, str],
                      version: str = "") -> Path:
    """Both pickles of the annotations, {file name: model id}, in Python 2's text protocol."""
    folder.mkdir(parents=True, exist_ok=True)
    for part, models in (("train", train), ("test", test)):
        content = {name: {"model_id": model, "azimuth": 1.5, "elevation": 0.1, "theta": 0.0,
                          "distance": 1.2, "u": 20.0, "v": 13.0, "f": 615.5}
                   for name, model in models.items()}
        (folder / f"{part}_anno{version}.pkl").write_bytes(pickle.dumps(content, protocol=0))
    return folder


def write_devkit(images: Path, boxes: dict[str, dict[str, tuple[int, ...]]]) -> None:
    """devkit/cars_<part>_annos.mat of {part: {fname: box in pixels from 1, inclusive}}."""
    kind = [*((name, "O") for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class")),
            ("fname", "O")]
    (images / "devkit").mkdir(parents=True, exist_ok=True)
    for part, of_part in boxes.items():
        rows = [(*box, 1, name) for name, box in of_part.items()]
        savemat(str(images / "devkit" / f"cars_{part}_annos.mat"),
                {"annotations": np.array(rows, dtype=kind).reshape(1, -1)})


def owners_box(size: tuple[int, int]) -> tuple[int, int, int, int]:
    """The box of a photo in MATLAB's pixels."""
    left, top, right, bottom = pixel_box(size)
    return left + 1, top + 1, right, bottom


def agree(folder: Path, entry: dict) -> bool:
    """Is the object where the mask says, in all but a few pixels along its edge?"""
    picture = read_picture(folder / entry["img"], folder / entry["mask"])
    bright, mask = picture[..., :3].mean(2) > 128, picture[..., 3] > 127
    return bool((bright != mask).mean() < 0.03 and 0.1 < mask.mean() < 0.3)


def lists(folder: Path) -> tuple[list[dict], list[dict]]:
    """Both lists of a data set."""
    train, test = (json.loads((folder / f"{folder.name}_{part}.json").read_text(encoding="utf-8"))
                   for part in ("train", "test"))
    return train, test


def load(folder: Path, **settings: object) -> InstanceDataset:
    """The data set as training reads it."""
    return InstanceDataset.load(DataConfig(root=str(folder.parent), name=folder.name, **settings))
