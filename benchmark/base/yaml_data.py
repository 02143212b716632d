"""YAML as plain data in which text stays text: what names something is not turned into a number, nor dropped.

Base layer. Keys are names in every file of ours, so they are read as they are written (YAML 1.1 takes 01 for 1, Yes for
true and 12:30 for 750), and none may stand twice.
"""

from __future__ import annotations

from collections.abc import Hashable
from functools import cache
from typing import Any

_DEPTH, _DIGITS = 50, 64
_TYPED = tuple(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "timestamp"))


def plain_data(text: str, *, limits: bool = True, typed: bool = True) -> Any:
    """Return what a YAML text holds.

    Parameters
    ----------
    text
        One document.
    limits
        Whether aliases, deep nesting and long numbers are refused, as in what others wrote: an alias can stand for a
        billion nodes.
    typed
        Whether values that look like numbers, truth values or dates become these.

    Raises
    ------
    ValueError
        If it is no YAML, is refused, or a key stands twice.
    """
    import yaml

    loader = _loader(limits, typed)(text)
    try:
        return loader.get_single_data()
    except yaml.MarkedYAMLError as error:
        # Its own words repeat the line, and the file may be another than was meant.
        at = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise ValueError(f"{at}{error.problem or error.context}") from None
    finally:
        loader.dispose()


@cache
def _loader(limits: bool, typed: bool) -> Any:
    import yaml

    # The pure loader, which unlike libyaml does not overflow the stack.
    class Plain(yaml.SafeLoader):
        """Refuses while it reads."""

        depth = 0

        def compose_node(self, parent: Any, index: Any) -> Any:
            """Return the next node, if it is none that is refused."""
            if limits and self.check_event(yaml.AliasEvent):
                raise yaml.YAMLError("aliases are not read")
            self.depth += 1
            if limits and self.depth > _DEPTH:
                raise yaml.YAMLError(f"nested deeper than {_DEPTH}")
            node = super().compose_node(parent, index)
            self.depth -= 1
            if not isinstance(node, yaml.ScalarNode):
                return node
            if not typed and node.tag in _TYPED:
                node.tag = "tag:yaml.org,2002:str"
            # In base 60 a long number takes a time that grows with its square.
            if limits and node.tag.endswith((":int", ":float")) and len(node.value) > _DIGITS:
                raise yaml.YAMLError(f"a number of {len(node.value)} characters")
            return node

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
            """Return a mapping whose keys are the text that is written."""
            _refuse_twice(node)
            self.flatten_mapping(node)
            return {key.value: self.construct_object(value, deep=deep) for key, value in node.value}

    return Plain


def _refuse_twice(node: Any) -> None:
    import yaml

    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key that is no text", key.start_mark)
        if key.value in seen:
            what = f"the key {key.value!r} stands twice"
            raise yaml.constructor.ConstructorError(None, None, what, key.start_mark)
        seen.add(key.value)
