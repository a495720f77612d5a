"""From files to batches of arrays: NumPy and Pillow only, so that workers stay light."""
