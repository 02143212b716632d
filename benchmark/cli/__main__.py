"""``python -m scarena.cli``: the command line without its script."""

from scarena.cli.app import main

main()
