"""What anybody may know of a gene before any model: the four numbers that a score of genes must be held against."""

from __future__ import annotations

FACTS = ("mean_expression", "tau", "length", "elsewhere")
"""Mean over tissues of log1p expression; tissue specificity τ, 0 to 1; log10 of its length in bp; in how many sets of
other collections than the dataset's it is."""
