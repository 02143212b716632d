"""The transformer's hot paths: a public function each, with a PyTorch twin that is its oracle and its path without a
GPU.

Triton is imported by the `*_triton` modules alone, so that the rest works where it is not installed.
"""
