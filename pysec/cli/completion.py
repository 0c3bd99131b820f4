"""Why this exists: `pysec completion bash` prints what a shell needs to complete commands, options and interfaces.

It is made of the same parsers that read the command line, so it cannot know another one. Exit status: 0.
"""

from __future__ import annotations

import argparse
from typing import Any

from pysec.errors import InternalError


def add_parser(subparsers: Any) -> None:
    """Add `completion`."""
    p = subparsers.add_parser(
        "completion",
        help="print a shell's completion of this command",
        description="Print completion for a shell: pysec completion bash > /etc/bash_completion.d/pysec",
    )
    p.set_defaults(run=run)
    p.add_argument("shell", choices=("bash", "zsh"), help="which shell")


def run(args: argparse.Namespace) -> int:
    """Print it."""
    from pysec.cli.main import parser

    words = {name: options_of(each) for name, each in commands_of(parser()).items()}
    print(script(words, args.shell))
    return 0


def commands_of(root: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command."""
    for action in root._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise InternalError("a command line without commands")


def options_of(p: argparse.ArgumentParser) -> list[str]:
    """The words that can follow a command: its options, and its own commands where it has such."""
    found = [option for action in p._actions for option in action.option_strings if option.startswith("--")]
    for action in p._actions:
        if isinstance(action, argparse._SubParsersAction):
            found += action.choices
    return sorted(found)


def script(words: dict[str, list[str]], shell: str) -> str:
    """The completion as a script."""
    cases = "\n".join(f'    {name}) words="{" ".join(options)}" ;;' for name, options in sorted(words.items()))
    head = "autoload -U bashcompinit && bashcompinit\n" if shell == "zsh" else ""
    return f"""{head}_pysec() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=( $(compgen -W "{" ".join(sorted(words))}" -- "$word") )
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{cases}
  esac
  case "$word" in
    -*) COMPREPLY=( $(compgen -W "$words" -- "$word") ) ;;
    *) COMPREPLY=( $(compgen -W "$words $(ls /sys/class/net 2>/dev/null)" -- "$word") $(compgen -f -- "$word") ) ;;
  esac
}}
complete -F _pysec pysec"""
