"""How a command begins and ends: flags, errors as a sentence, signals within two seconds, exit statuses."""

import argparse
import io
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from .errors import nearest

# What our own modules and the libraries raise when something is wrong that the user can change.
USER_ERRORS = (ValueError, OSError, FloatingPointError)
# A native call that does not return, or an exit that hangs, is cut short after so many seconds: locks end with the
# process, and what is unfinished does not look finished.
GRACE_SECONDS = 1.5


class Terminated(KeyboardInterrupt):
    """SIGTERM, as an exception that passes where Ctrl-C would."""


def check_flags(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Refuse a flag that a command does not have, in one line instead of after pages of usage.

    Args:
        parser: Of the command.
        argv: Arguments without the program's name.

    Raises:
        SystemExit: with status 2; the nearest flag is printed.
    """
    known = {flag for action in parser._actions for flag in action.option_strings}
    for word in argv[: argv.index("--")] if "--" in argv else argv:
        flag = word.partition("=")[0]
        if flag.startswith("--") and flag not in known:
            hint = nearest(flag, known, f"`{parser.prog} --help` lists the known.")
            parser.exit(2, f"{parser.prog}: error: there is no flag '{flag}'.{hint}\n")


def program(otherwise: str) -> str:
    """Name a program as it was typed: an installed command by its own name, else `otherwise`, as `python -m …`."""
    name = Path(sys.argv[0]).stem
    return name if name.startswith("fusion-") else otherwise


def buffer_lines() -> None:
    """Let each printed line be seen at once, also where the output goes to a file or a pipe."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def end_with_status(command: Callable[..., Any], *args: Any, advice: str) -> int:
    """Run a command and turn the ways it can end into a sentence and an exit status.

    Args:
        command: What to run.
        args: Its arguments.
        advice: What is kept when it is stopped and how to go on: a sentence.

    Returns:
        0, 1 after an error, 130 after Ctrl-C, 143 after SIGTERM.
    """
    buffer_lines()
    try:
        with _signals_raise(advice):
            command(*args)
    except USER_ERRORS as error:
        logging.debug("Traceback:", exc_info=True)
        sys.stderr.write(f"error: {error}\n")
        return 1
    except KeyboardInterrupt as stop:
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        sys.stderr.write(f"{_stopped(number, advice)}\n")
        return 128 + number
    return 0


def _stopped(number: int, advice: str) -> str:
    """The one sentence of a stopped command."""
    return f"stopped by {'Ctrl-C' if number == signal.SIGINT else 'SIGTERM'}: {advice}"


@contextmanager
def _signals_raise(advice: str) -> Iterator[None]:
    """Raise KeyboardInterrupt for SIGINT and Terminated for SIGTERM, and leave the hard way if that takes too long."""
    if threading.current_thread() is not threading.main_thread():
        yield  # only a process's main thread may say what its signals do
        return
    timers: list[threading.Timer] = []

    def leave(number: int) -> None:
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"\n{_stopped(number, advice)}\n".encode())
        os._exit(128 + number)

    def stop(number: int, frame: FrameType | None) -> None:
        timer = threading.Timer(GRACE_SECONDS, leave, [number])
        timer.daemon = True
        timer.start()
        timers.append(timer)
        raise (Terminated if number == signal.SIGTERM else KeyboardInterrupt)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for timer in timers:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
