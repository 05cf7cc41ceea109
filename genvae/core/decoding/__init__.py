"""Decoding a sequence of symbols on the stepping interface; any modality of sequences may use it.

Nothing is imported here: ``options`` is read by the command line, which loads no torch.
"""
