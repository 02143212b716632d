"""Boards of what others measured and published: read from pinned files, put under our keys, nothing computed again."""
