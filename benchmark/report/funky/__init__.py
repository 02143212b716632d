"""The ranking as a funky heatmap: the figure of a board for a paper."""
