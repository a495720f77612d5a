"""Formats of models that are not read here, and what to do with such a file."""

from __future__ import annotations

_BLENDER = "open it in Blender and export it as .glb"
_CAD = "export it as .stl from the program that made it"
_POINTS = "it holds points, no surface"

REMEDIES = {
    **dict.fromkeys((".3ds", ".abc", ".blend", ".c4d", ".dxf", ".fbx", ".lwo", ".ma", ".max", ".mb",
                     ".usd", ".usda", ".usdc", ".usdz", ".vrml", ".wrl", ".x3d"), _BLENDER),
    **dict.fromkeys((".3dm", ".brep", ".catpart", ".dwg", ".f3d", ".iam", ".iges", ".igs", ".ipt",
                     ".jt", ".prt", ".scad", ".skp", ".sldasm", ".sldprt"), _CAD),
    **dict.fromkeys((".las", ".laz", ".pcd", ".pts", ".xyz"), _POINTS),
    ".amf": _CAD, ".gcode": "it holds a printer's movements; take the model it was made from",
}
