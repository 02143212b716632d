"""Dataset cards: every *.yaml here."""
