"""``python -m scarena.cli``: the command line without its script."""

from scarena.cli.start import main

main()
