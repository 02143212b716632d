"""The parts of the board's page: what each shows, read from board.json and the files beside it. Computes no score."""
