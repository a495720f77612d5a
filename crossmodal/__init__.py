"""Cross-modal shape retrieval: give a photo or a sketch, get the shape or the picture it shows.

Importing this package is light: Jittor is prepared and imported by the first use of
``crossmodal.runtime.jt``, so programs and data workers that only need NumPy never load it.
"""

__version__ = "0.1.0"
