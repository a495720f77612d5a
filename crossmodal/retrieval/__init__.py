"""Scores, rankings, measures and results of a search, and galleries that are kept on disk."""
