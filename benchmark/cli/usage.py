"""What is wrong with a command line, in one line: the verb, the word, and the nearest one that there is."""

from __future__ import annotations

import difflib
import re
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from scarena.base.errors import ConfigError

USE, DATA, MODELS, BOARDS, STEPS, MEASURE = "Use", "Data", "Models", "Boards", "Steps of a board", "Measure"
"""Panels of the help text."""
_PANELS = (USE, DATA, MODELS, BOARDS, STEPS, MEASURE)

UsageError: type[Exception] = typer.BadParameter.__mro__[1]
"""What typer raises for a wrong command line. It shows no more of its errors than this one's heirs."""
_EXTRA = re.compile(r"unexpected extra argument(?:s|\(s\))? \((.*)\)")
_AFTER = "options of snakemake go after `--`"


class Verbs(TyperGroup):
    """Verbs by their panels, of which a misspelt one is answered with the nearest."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the verbs in the order of the panels, groups of verbs last in theirs."""
        return sorted(super().list_commands(ctx), key=self._place)

    def _place(self, name: str) -> tuple[int, bool]:
        command = self.commands[name]
        panel = getattr(command, "rich_help_panel", None)
        return _PANELS.index(panel) if panel in _PANELS else len(_PANELS), isinstance(command, TyperGroup)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the verb that is asked for and the rest of the words.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            raise ConfigError(f"no verb {args[0]!r}", where=ctx.command_path, fix=_nearest_verb(self, ctx, args[0]))
        return super().resolve_command(ctx, args)


class WithSnakemake(TyperCommand):
    """A verb whose words after ``--`` are snakemake's; its function gets them as ``context.args``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read what comes before the ``--``, and keep the rest."""
        place = args.index("--") if "--" in args else len(args)
        super().parse_args(ctx, args[:place])
        ctx.args = args[place + 1 :]
        return list(ctx.args)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return the words of the line of usage."""
        return [*super().collect_usage_pieces(ctx), "[-- OPTIONS OF SNAKEMAKE]"]


def _nearest_verb(group: Any, ctx: Any, word: str) -> str:
    """Return what to do about a verb that there is not; one of the groups below or above may be meant."""
    path, known = ctx.command_path, dict[str, str]()
    for name, command in group.commands.items():
        below = command.commands if isinstance(command, TyperGroup) else {}
        known |= {verb: f"{path} {name} {verb}" for verb in below if verb not in known}
    if ctx.parent is not None:
        known |= {name: f"{ctx.parent.command_path} {name}" for name in ctx.parent.command.commands}
    known |= {name: f"{path} {name}" for name in group.commands}
    close = difflib.get_close_matches(word, known, 1)
    return f"did you mean `{known[close[0]]}`?" if close else f"see `{path} --help`"


def has_shown_help(error: Exception) -> bool:
    """Return whether what is wrong is only that there were no words, and help was shown for it."""
    return type(error).__name__ == "NoArgsIsHelpError"


def one_line(error: Any) -> ConfigError:
    """Return what typer says of a wrong command line as an error of one line, with the nearest word that there is."""
    ctx = error.ctx
    path, passes = ctx.command_path if ctx else "scarena", ctx is not None and isinstance(ctx.command, WithSnakemake)
    what = " ".join(error.format_message().split()).rstrip(".")
    fix = f"see `{path} --help`"
    if (option := getattr(error, "option_name", None)) and "value" not in what and "argument" not in what:
        what, close = f"no option {option}", difflib.get_close_matches(option, _options(ctx), 1)
        fix = f"did you mean {close[0]}?" if close else fix
        fix += f" ({_AFTER})" if passes else ""
    elif found := _EXTRA.search(what):
        what = f"takes no {found[1]!r}"
        fix = f"{_AFTER}: `{path} … -- {found[1]}`" if passes else fix
    return ConfigError(what[:1].lower() + what[1:], where=path, fix=fix)


def _options(ctx: Any) -> list[str]:
    """Return the options of a verb, as they are typed."""
    if ctx is None:
        return []
    options = [param for param in ctx.command.get_params(ctx) if param.param_type_name == "option"]
    return [name for param in options for name in (*param.opts, *param.secondary_opts)]
