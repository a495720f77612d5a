"""Which extensions of glTF change the shape, and which say nothing about it."""

from __future__ import annotations

from crossmodal.geometry.formats.gltf_document import Document, shown

QUANTIZATION = "KHR_mesh_quantization"
DRACO = "KHR_draco_mesh_compression"
MESHOPT = ("KHR_meshopt_compression", "EXT_meshopt_compression")
INSTANCING = "EXT_mesh_gpu_instancing"
VISIBILITY = "KHR_node_visibility"
LIGHTS = "KHR_lights_punctual"
SPECULAR = "KHR_materials_pbrSpecularGlossiness"

UNDERSTOOD = {QUANTIZATION, DRACO, *MESHOPT, INSTANCING, VISIBILITY}
NOT_SHAPE = {
    LIGHTS, "EXT_lights_ies", "EXT_lights_image_based", "KHR_animation_pointer", "KHR_xmp",
    "KHR_xmp_json_ld", "KHR_techniques_webgl", "KHR_node_selectability", "KHR_node_hoverability",
    "KHR_interactivity", "KHR_audio_emitter", "KHR_audio", "KHR_physics_rigid_bodies",
    "KHR_implicit_shapes", "EXT_structural_metadata", "EXT_mesh_features", "EXT_instance_features",
    "EXT_mesh_manifold", "FB_ngon_encoding", "MSFT_lod", "MSFT_packing_normalRoughnessMetallic",
    "MSFT_packing_occlusionRoughnessMetallic", "ADOBE_materials_thin_transparency",
    "AGI_articulations", "AGI_stk_metadata", "CESIUM_RTC", "CESIUM_primitive_outline",
    "GODOT_single_root", "GRIFFEL_bim_data", "NV_materials_mdl", "OMI_collider", "OMI_physics_body",
    "SEIN_node_attributes", "VRM", "VRMC_vrm", "VRMC_materials_mtoon", "VRMC_node_constraint",
    "VRMC_springBone",
}
NOT_SHAPE_BEGINNINGS = ("KHR_materials_", "EXT_materials_", "KHR_texture_", "EXT_texture_",
                        "MSFT_texture_")


def check_required(document: Document) -> None:
    """Raises MeshError where the file requires an extension that might change the shape."""
    unknown = [
        name for name in document.root.items("extensionsRequired")
        if not isinstance(name, str)
        or name not in UNDERSTOOD | NOT_SHAPE and not name.startswith(NOT_SHAPE_BEGINNINGS)
    ]
    if unknown:
        names = ", ".join(name if isinstance(name, str) and name.isidentifier() else shown(name)
                          for name in unknown[:5])
        raise document.root.error(
            f"requires {names}, which is not understood; export it without that extension"
        )
