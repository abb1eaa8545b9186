"""Named sources of comparisons: other Oracle databases, folders of files."""
