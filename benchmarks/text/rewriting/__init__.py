"""The parts of ``benchmarks/rewriting.py``."""
