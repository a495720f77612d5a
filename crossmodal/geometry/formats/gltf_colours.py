"""The colours of a glTF file's faces: of its vertices, materials and textures.

Factors and colours of vertices are linear light; textures, and what is given out, are sRGB.
"""

from __future__ import annotations

import numpy as np

from crossmodal.geometry.errors import MeshError
from crossmodal.geometry.formats.gltf_accessors import Values
from crossmodal.geometry.formats.gltf_attributes import Attributes
from crossmodal.geometry.formats.gltf_buffers import Buffers
from crossmodal.geometry.formats.gltf_document import Entry
from crossmodal.geometry.formats.gltf_extensions import SPECULAR
from crossmodal.geometry.formats.image_colour import mean_colour, to_srgb

MOST_PIXELS = 64 << 20  # of all textures together that are looked at
LEAST_PIXELS = 4096  # that opening one takes as much time as


class Colours:
    """The colours of a file. None of them is worth a refusal: what is broken has no colour."""

    def __init__(self, buffers: Buffers) -> None:
        self.buffers = buffers
        self._materials: dict[int, np.ndarray] = {}
        self._images: dict[int, np.ndarray | None] = {}
        self._pixels_left = MOST_PIXELS

    def of_faces(
        self, attributes: Attributes, used: np.ndarray | slice, faces: np.ndarray, count: int
    ) -> np.ndarray | None:
        """(M, 3) uint8 colours of a primitive's faces, or (1, 3) of them all; None without any.

        used : rows of the accessors that are the vertices; count : of all rows
        """
        try:
            material = self._material(attributes.primitive)
            corners = attributes.get("COLOR_0", ("VEC3", "VEC4"))
        except MeshError:
            return None
        if corners is None or len(corners.rows) != count:
            return None if material is None else to_srgb(material[None])
        vertices = Values(corners.rows[:, :3], corners.largest).floats(used).astype(np.float32)
        if corners.largest == 0:
            vertices = np.clip(np.nan_to_num(vertices), 0, 1)
        first, second, third = (vertices.take(column, axis=0) for column in faces.T)
        linear = (first + second + third) / 3
        return to_srgb(linear if material is None else linear * material)

    def _material(self, primitive: Entry) -> np.ndarray | None:
        """(3,) linear colour of a primitive's material, None without one."""
        index = primitive.values.get("material")
        if index is None:
            return None
        entry = self.buffers.document.entry("materials", index, primitive)
        if index not in self._materials:
            self._materials[index] = self._colour(entry)
        return self._materials[index]

    def _colour(self, material: Entry) -> np.ndarray:
        old = material.extension(SPECULAR)
        kind = "diffuse" if old is not None else "baseColor"
        about = old if old is not None else material.part("pbrMetallicRoughness")
        if about is None:
            return np.ones(3)
        factor = about.numbers(f"{kind}Factor", 4)
        linear = np.ones(3) if factor is None else np.clip(factor[:3], 0, 1)
        try:
            texture = self._texture(about.part(f"{kind}Texture"))
        except MeshError:  # the texture is not there, or broken
            texture = None
        return linear if texture is None else linear * texture

    def _texture(self, used: Entry | None) -> np.ndarray | None:
        """(3,) linear mean of a texture's image, None where it cannot be had cheaply."""
        if used is None:
            return None
        document = self.buffers.document
        texture = document.entry("textures", used.values.get("index"), used)
        index = texture.whole("source")
        image = document.entry("images", index, texture)
        if index not in self._images and self._pixels_left <= 0:
            return None
        if index not in self._images:
            data = self._bytes(image)
            mean = mean_colour(data, self._pixels_left)
            self._pixels_left -= max(mean.pixels, len(data), LEAST_PIXELS)
            self._images[index] = mean.linear
        return self._images[index]

    def _bytes(self, image: Entry) -> memoryview:
        uri = image.text("uri")
        if uri is not None:
            return self.buffers.bytes_of(uri, image)
        return self.buffers.view(image.values.get("bufferView"), image).data
