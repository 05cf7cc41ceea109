"""What the benchmarks of text share."""
