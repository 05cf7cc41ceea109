"""From a file, a folder, a hub or a list to batches."""
