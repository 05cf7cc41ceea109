"""The parts of benchmarks/verses.py."""
