"""docs/cli.md: every verb with its arguments and options, made from what the command line says of itself.

Runs no verb. To write the page:
``python -c "from scarena.cli.cli_docs import markdown; print(markdown(), end='')" > docs/cli.md``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_HEAD = """# Command line

<!-- Made by scarena.cli.cli_docs from the verbs' own help texts. -->

`scarena VERB --help` prints the same. Exit codes: 0, all is well; 1, an error, or a state that is not `ok`; 2, the
command line or a file that it names is wrong; 3, the work is done and something in it failed or differs.
"""
# What typer adds for the shell, and the help that every verb has.
_COMMON = {"--help", "--install-completion", "--show-completion"}


def markdown() -> str:
    """Return docs/cli.md as it should be."""
    from typer.main import get_command

    from scarena.cli.app import app

    root = get_command(app)
    sections, panel = [_HEAD], None
    for verb in root.list_commands(_context(root, None, "scarena")):  # type: ignore[attr-defined]
        command = root.commands[verb]  # type: ignore[attr-defined]
        if (place := getattr(command, "rich_help_panel", None)) != panel:
            panel = place
            sections.append(f"## {panel}\n")
        sections += _sections(command, _context(root, None, "scarena"), verb)
    return "\n".join(sections)


def _context(command: Any, parent: Any, name: str) -> Any:
    return command.context_class(command, parent=parent, info_name=name)


def _sections(command: Any, parent: Any, name: str) -> Iterator[str]:
    """Yield what is said of a verb, or of a group of verbs and then of each of its own."""
    context = _context(command, parent, name)
    yield f"### `{context.command_path}`\n"
    yield f"{_prose(command.help)}\n"
    below = getattr(command, "commands", {})
    if not below:
        yield f"```text\n{context.command_path} {' '.join(command.collect_usage_pieces(context))}\n```\n"
        if rows := [row for param in command.get_params(context) if (row := _row(param, context))]:
            yield "\n".join(["| | |", "|---|---|", *rows, ""])
    for verb in command.list_commands(context) if below else ():
        yield from _sections(below[verb], context, verb)


def _row(param: Any, context: Any) -> str:
    """Return a row of the table of a verb's arguments and options; empty for what every verb has."""
    if _COMMON & {*param.opts} or getattr(param, "hidden", False):
        return ""
    said = param.get_help_record(context) or (param.make_metavar(context), param.help or "")
    # Brackets around an argument say what the line of usage says already.
    name = said[0].strip("[]") if param.param_type_name == "argument" else said[0]
    return f"| `{name}` | {_prose(said[1])} |".replace("  |", " |")


def _prose(text: str | None) -> str:
    """Return a help text as Markdown: one line, with its angles and bars as they are."""
    return re.sub(r"([<|])", r"\\\1", " ".join((text or "").split()))
