"""What pages draw with: Python that makes HTML, every text escaped."""
