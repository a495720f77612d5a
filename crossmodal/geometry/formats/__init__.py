"""One reader a file format. Each reads the whole shape that a file declares, or refuses it."""
