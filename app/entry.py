"""入口: where `chengguan` begins.

A process started for the API imports the module it is started from, this one: the command line with all
it needs is loaded by who types a command.
"""

from __future__ import annotations


def main() -> None:
    from app.cli import main as command_line

    command_line()
