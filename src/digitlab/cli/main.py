"""The command ``digitlab``: its verbs, and what becomes of errors."""

from __future__ import annotations

import contextlib
import errno
import importlib
import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer
from typer.exceptions import TyperException

from digitlab.cli.clock import start_clock
from digitlab.cli.interruption import interruption
from digitlab.cli.streams import discard_unwritten, is_unread, prepare_streams
from digitlab.errors import LONGEST, DigitlabError, DigitlabWarning
from digitlab.text import cut, printable_line

FAILED = 1
# Standard output is full, closed, or on a broken disk.
OUTPUT_FAILED = (errno.ENOSPC, errno.EBADF, errno.EIO)
_PLACE = "check the path, its rights, and the space that is left"
_show_as_python_does = warnings.showwarning
TYPER_INTERRUPTED = 130  # a KeyboardInterrupt, where signals are not listened for: in a thread, or raised by hand

# In the order of the help. The function of a verb has its name, in a module of its name.
VERBS = ("study", "train", "scan", "tune", "evaluate", "export", "read", "predict", "serve", "report")
GROUPS = ("data",)


def make_app(arguments: Sequence[str]) -> typer.Typer:
    """The command line with the verb that is asked for, or with all where none is: a start costs what it needs."""
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    known = (*VERBS, *GROUPS)
    app = typer.Typer(
        name="digitlab",
        help="Train, evaluate and explain fully connected networks that read handwritten digits.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # Rich's help costs as much time as all the rest of it
    )
    app.callback()(_options)
    for verb in [asked] if asked in known else known:
        module = importlib.import_module(f"digitlab.cli.{verb}")
        if verb in GROUPS:
            app.add_typer(module.app, name=verb)
        else:
            app.command()(getattr(module, verb))
    return app


def _show_version(asked: bool) -> None:
    if asked:
        from digitlab.runs.version import VERSION

        typer.echo(VERSION)
        raise typer.Exit


def _options(
    debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
    version: bool = typer.Option(
        False, "--version", help="Show the version and exit.", callback=_show_version, is_eager=True
    ),
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage."""
    if arguments is not None:
        start_clock()
    prepare_streams()
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    # It may stand anywhere on the line, as in the command one has just typed and wants to look into.
    given = [argument for argument in given if argument != "--debug"]
    if given == [] and debug:
        given = ["--help"]
    interruption.listen()
    interruption.arguments = given
    code = FAILED
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            code = _run(given, debug=debug)
    finally:
        interruption.finish()
    sys.exit(code)


def _show_warning(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
    """Say digitlab's own warnings in a line; those of libraries as Python does."""
    if issubclass(category, DigitlabWarning):
        typer.echo(f"warning: {_line(str(message))}", err=True)
    else:
        _show_as_python_does(message, category, *place, **more)


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        code = make_app(arguments)(args=arguments, prog_name="digitlab", standalone_mode=False)
        sys.stdout.flush()  # now, while it can be told that this fails
    except (Exception, SystemExit) as raised:
        error = _broken_pipe(raised) or raised
        if isinstance(error, SystemExit):
            raise
        if isinstance(error, BrokenPipeError) and is_unread():  # the reader of our output has had enough
            code = FAILED
        elif debug:
            raise
        else:
            code = _explain(error)
        discard_unwritten()
        return code
    if code == TYPER_INTERRUPTED:
        message, hint = interruption.lines()
        typer.echo(f"{_line(message)}\nhint: {_line(hint)}", err=True)
        return FAILED
    return code if isinstance(code, int) else 0


def _broken_pipe(raised: BaseException) -> BrokenPipeError | None:
    """The error that typer takes, whichever pipe it is of, for a reader of the output that has gone: it exits then."""
    error = raised.__context__ if isinstance(raised, SystemExit) else raised
    return error if isinstance(error, BrokenPipeError) else None


def _explain(error: Exception) -> int:
    """Two lines and an exit code."""
    if isinstance(error, DigitlabError):
        return _say(error.message, error.hint, error.exit_code)
    if isinstance(error, TyperException):
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError":  # its text is the help itself
            typer.echo(error.format_message(), err=True)
            return 2
        return _say(error.format_message(), f"see `{context.command_path if context else 'digitlab'} --help`", 2)
    if isinstance(error, OSError) and not error.filename and error.errno in OUTPUT_FAILED:
        return _say(f"cannot write the output: {error.strerror or error}", _PLACE, 1)
    if (failure := _machine_failure(error)) is not None:
        return _say(failure.message, failure.hint, failure.exit_code)
    if isinstance(error, OSError):
        what = f"cannot use {error.filename}" if error.filename else "the operating system refused"
        return _say(f"{what}: {error.strerror or error}", _PLACE, 1)
    return _say(f"unexpected {type(error).__name__}: {error}", "run it again with --debug to see where", 1)


def _machine_failure(error: Exception) -> DigitlabError | None:
    from digitlab.runs import machine_failure

    return machine_failure(error)


def _say(message: str, hint: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody can be told where standard error is full or closed
        typer.echo(f"error: {_line(message)}\nhint: {_line(hint)}", err=True)
    return code


def _line(text: str) -> str:
    return printable_line(cut(" ".join(text.split()), LONGEST))
