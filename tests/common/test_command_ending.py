"""Flags, signals, errors and what a shell is told."""

import argparse
import os
import signal
import time
from functools import partial

import pytest

from common.command import GRACE_SECONDS, check_flags, end_with_status
from extraction.__main__ import ExtractionArguments
from extraction.arguments import parse
from label import parse as label_parse


def test_an_error_is_one_sentence_and_status_1(capsys):
    def fail():
        raise ValueError("This is wrong: do that.")

    assert end_with_status(fail, advice="kept.") == 1
    assert capsys.readouterr().err == "error: This is wrong: do that.\n"


@pytest.mark.parametrize(
    ("number", "status", "name"), [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")]
)
def test_a_signal_ends_in_a_sentence_and_the_status_that_shells_know(number, status, name, capsys):
    before = signal.getsignal(number)

    def work():
        os.kill(os.getpid(), number)
        time.sleep(5)

    started = time.perf_counter()
    assert end_with_status(work, advice="all is kept.") == status
    assert time.perf_counter() - started < 3
    assert capsys.readouterr().err == f"stopped by {name}: all is kept.\n"
    assert signal.getsignal(number) == before


def test_what_does_not_listen_is_ended_after_the_grace():
    read, write = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover
        os.dup2(write, 2)

        def deaf():
            os.kill(os.getpid(), signal.SIGTERM)

        def work():
            try:
                deaf()
            except KeyboardInterrupt:
                time.sleep(60)

        end_with_status(work, advice="all is kept.")
        os._exit(0)
    started = time.perf_counter()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 143
    assert time.perf_counter() - started < GRACE_SECONDS + 5
    os.close(write)
    assert b"stopped by SIGTERM: all is kept.\n" in os.read(read, 1000)
    os.close(read)


@pytest.mark.parametrize("spelling", ["--treshold", "--treshold=0.5"])
def test_a_misspelt_flag_is_told_the_nearest(spelling, capsys):
    parser = argparse.ArgumentParser(prog="label.py")
    parser.add_argument("--threshold")
    with pytest.raises(SystemExit) as stop:
        check_flags(parser, ["some text", spelling])
    said = capsys.readouterr().err
    assert stop.value.code == 2
    assert "'--treshold'" in said
    assert "Did you mean '--threshold'?" in said


def test_words_that_are_no_flags_pass():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threshold")
    check_flags(parser, ["-1", "text", "--threshold", "0.5", "--", "--anything"])


@pytest.mark.parametrize("read", [partial(parse, kind=ExtractionArguments, command="", description=""), label_parse])
def test_commands_hint_at_the_nearest_flag(read, capsys):
    with pytest.raises(SystemExit):
        read(["--text_colum", "words"])
    assert "Did you mean '--text_column'?" in capsys.readouterr().err
