"""Writes small glTF files from arrays, good ones and, entry by entry, bad ones."""

from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np

from crossmodal.geometry.formats.content import Content
from crossmodal.geometry.formats.gltf import read_gltf

CODES = {"int8": 5120, "uint8": 5121, "int16": 5122, "uint16": 5123, "uint32": 5125,
         "float32": 5126}
KINDS = {1: "SCALAR", 2: "VEC2", 3: "VEC3", 4: "VEC4", 16: "MAT4"}
CORNERS = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], np.float32)  # of a square
HALVES = np.array([[0, 1, 2], [0, 2, 3]], np.uint16)


class File:
    """A glTF file being made: its JSON, and the bytes of its one buffer."""

    def __init__(self) -> None:
        self.json: dict[str, Any] = {"asset": {"version": "2.0"}}
        self.data = bytearray()

    def add(self, kind: str, **entry: Any) -> int:
        """A new entry of ``nodes``, ``materials`` ...; its number."""
        entries = self.json.setdefault(kind, [])
        entries.append(entry)
        return len(entries) - 1

    def view(self, data: bytes, **entry: Any) -> int:
        self.data += bytes(-len(self.data) % 4)
        start = len(self.data)
        self.data += data
        return self.add("bufferViews", **{"buffer": 0, "byteOffset": start,
                                          "byteLength": len(data), **entry})

    def accessor(self, array: np.ndarray, **entry: Any) -> int:
        """Of (N,) or (N, K) numbers, in a view of their own unless `entry` names another."""
        rows = array.reshape(len(array), -1)
        about = {"componentType": CODES[array.dtype.name], "count": len(rows),
                 "type": KINDS[rows.shape[1]], **entry}
        if "bufferView" not in about:
            about["bufferView"] = self.view(rows.tobytes())
        return self.add("accessors", **{k: v for k, v in about.items() if v is not None})

    def primitive(self, vertices: np.ndarray = CORNERS, corners: np.ndarray | None = HALVES,
                  **entry: Any) -> dict[str, Any]:
        """Of a mesh; `corners` : numbers of vertices, None for vertices in their order."""
        attributes = {"POSITION": self.accessor(vertices), **entry.pop("attributes", {})}
        indices = {} if corners is None else {"indices": self.accessor(corners.reshape(-1))}
        return {"attributes": attributes, **indices, **entry}

    def mesh(self, *primitives: dict[str, Any], **entry: Any) -> int:
        return self.add("meshes", primitives=list(primitives) or [self.primitive()], **entry)

    def show(self, *nodes: int) -> None:
        """A scene of these root nodes, the default one if it is the first."""
        self.add("scenes", nodes=list(nodes))

    def document(self, **buffer: Any) -> bytes:
        buffers = [{"byteLength": len(self.data), **buffer}] if self.data else []
        return json.dumps({"buffers": buffers, **self.json}).encode()

    def glb(self) -> bytes:
        return glb(self.document(), bytes(self.data))

    def gltf(self) -> bytes:
        """The JSON with the buffer inside."""
        content = base64.b64encode(self.data).decode()
        return self.document(uri=f"data:application/octet-stream;base64,{content}")


def glb(text: bytes, binary: bytes | None = None, version: int = 2, more: int = 0) -> bytes:
    """The container; `more` : added to the length that it declares."""
    chunks = [(b"JSON", text + b" " * (-len(text) % 4))]
    if binary is not None:
        chunks.append((b"BIN\0", binary + bytes(-len(binary) % 4)))
    body = b"".join(struct.pack("<I4s", len(data), kind) + data for kind, data in chunks)
    return struct.pack("<4sII", b"glTF", version, 12 + len(body) + more) + body


def shape(mesh_file: File, folder: Path) -> Content:
    """What is read of a file."""
    path = folder / "chair.glb"
    path.write_bytes(mesh_file.glb())
    return read_gltf(path)


def faces_of(content: Content) -> list:
    """Corner positions of every face, as nested lists."""
    return np.round(content.vertices[content.faces], 5).tolist()


def square(**primitive: Any) -> File:
    """A file of one square in the scene."""
    file = File()
    file.mesh(file.primitive(**primitive))
    file.show(file.add("nodes", mesh=0))
    return file


def scene(*nodes: dict[str, Any], roots: list[int] | None = None) -> File:
    """A file of these nodes, in which mesh 0 is the square; the first is the root unless told."""
    file = File()
    file.mesh()
    for node in nodes:
        file.add("nodes", **node)
    file.show(*([0] if roots is None else roots))
    return file


def good_files() -> dict[str, bytes]:
    """{name: bytes} of small files that are read, and use much of what the format has."""
    plain = square()
    rich = File()
    weights = np.array([[1, 0, 0, 0]] * 4, np.float32)
    colours = rich.accessor(np.full((4, 4), 200, np.uint8), normalized=True)
    material = rich.add("materials", pbrMetallicRoughness={"baseColorFactor": [1, 0.5, 0.5, 1]})
    bones = {"JOINTS_0": rich.accessor(np.zeros((4, 4), np.uint8)),
             "WEIGHTS_0": rich.accessor(weights), "COLOR_0": colours}
    quantised = (CORNERS * 32767).astype(np.int16)
    padded = rich.view(np.pad(quantised, ((0, 0), (0, 1))).tobytes(), byteStride=8)
    small = rich.accessor(quantised, normalized=True, bufferView=padded)
    sparse = {"count": 1, "indices": {"bufferView": rich.view(b"\2"), "componentType": 5121},
              "values": {"bufferView": rich.view(CORNERS[2:3].tobytes())}}
    offsets = rich.accessor(CORNERS, bufferView=None, sparse=sparse)
    rich.mesh(rich.primitive(attributes=bones, material=material, targets=[{"POSITION": offsets}]),
              weights=[0.5])
    rich.mesh({"attributes": {"POSITION": small}, "mode": 6},
              rich.primitive(corners=np.arange(4, dtype=np.uint8), mode=5))
    rich.add("skins", joints=[2], inverseBindMatrices=rich.accessor(np.eye(4, dtype=np.float32)
                                                                    .reshape(1, 16)))
    places = rich.accessor(CORNERS * 4)
    rich.add("nodes", children=[1, 2, 3], scale=[-1, 1, 1])
    rich.add("nodes", mesh=0, skin=0)
    rich.add("nodes", translation=[0, 2, 0], rotation=[0, 0, 0.6, 0.8])
    rich.add("nodes", mesh=1, matrix=[2, 0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 0, 0, 0, 5, 1],
             extensions={"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}})
    rich.show(0)
    rich.json["extensionsRequired"] = ["EXT_mesh_gpu_instancing", "KHR_mesh_quantization"]
    return {"plain.glb": plain.glb(), "plain.gltf": plain.gltf(), "rich.glb": rich.glb(),
            "rich.gltf": rich.gltf()}
