"""Pages of the studio, one file a page."""
