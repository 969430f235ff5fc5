"""The command ``digitlab``: its verbs, and what becomes of errors."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from digitlab.cli.interruption import interruption
from digitlab.errors import DigitlabError

FAILED = 1
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
        code = _run(given, debug=debug)
    finally:
        interruption.finish()
    sys.exit(code)


def _run(arguments: list[str], *, debug: bool) -> int:
    try:
        code = make_app(arguments)(args=arguments, prog_name="digitlab", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has had enough
        sys.stderr.close()
        return 1
    except Exception as error:
        if debug:
            raise
        return _explain(error)
    if code == TYPER_INTERRUPTED:
        message, hint = interruption.lines()
        typer.echo(f"{message}\nhint: {hint}", err=True)
        return FAILED
    return code if isinstance(code, int) else 0


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
    if (failure := _machine_failure(error)) is not None:
        return _say(failure.message, failure.hint, failure.exit_code)
    return _say(f"unexpected {type(error).__name__}: {error}", "run it again with --debug to see where", 1)


def _machine_failure(error: Exception) -> DigitlabError | None:
    from digitlab.runs import machine_failure

    try:
        sys.stdout.flush()
    except OSError:  # what cannot be written now would be tried once more at the end, with a traceback
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return machine_failure(error)


def _say(message: str, hint: str, code: int) -> int:
    first = " ".join(message.split())
    typer.echo(f"error: {first}\nhint: {' '.join(hint.split())}", err=True)
    return code
