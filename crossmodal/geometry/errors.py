"""What is wrong with a mesh."""


class MeshError(ValueError):
    """A mesh that cannot be used; the message names the file and the reason."""
