"""The messages of the logger "ravine", written to stderr unless `--quiet` is given."""

from __future__ import annotations

import logging
import sys

import click


class _Stderr(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Write a line where stderr goes now, which is above a bar if there is one."""
        sys.stderr.write(f"ravine: {record.getMessage()}\n")
        sys.stderr.flush()


def tell_notes(quiet: bool = False) -> None:
    """Write the messages of the logger "ravine" to stderr, or nothing if quiet."""
    logger = logging.getLogger("ravine")
    logger.handlers = [logging.NullHandler() if quiet else _Stderr()]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def hear(context: click.Context, parameter: click.Parameter, quiet: bool) -> bool:
    """Act on the option `--quiet` before the command begins."""
    tell_notes(quiet)
    return quiet
