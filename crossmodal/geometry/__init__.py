"""Meshes and what can be computed from them: views, photos, points, voxels, distances."""
