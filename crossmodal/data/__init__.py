"""From files to batches of arrays: NumPy, Pillow and a little SciPy, so that workers stay light."""
