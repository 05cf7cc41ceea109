"""Benchmarks: each is one command, see README.md."""
