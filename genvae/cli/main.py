"""The command line: a command for each registered operation, and a few about genvae itself."""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from genvae import __version__
from genvae.cli import operations, plugins, studio
from genvae.errors import GenvaeError

MENDABLE = 2  # exit code of an error that the caller can mend
INTERRUPTED = 130


def build(asked: str = "") -> typer.Typer:
    """The program with every command that the installed plugins bring; ``asked`` is the one to be run."""
    app = typer.Typer(
        name="genvae", add_completion=False, rich_markup_mode=None,
        pretty_exceptions_enable=False, context_settings={"help_option_names": ["-h", "--help"]},
        help="Generate, explore and restyle text and images with variational autoencoders.",
    )  # fmt: skip
    operations.add(app, asked)
    plugins.add(app)
    studio.add(app)

    @app.callback(invoke_without_command=True)
    def version(show: bool = typer.Option(False, "--version", help="Print the version and end.")) -> None:
        if show:
            print(f"genvae {__version__}")
            raise typer.Exit

    return app


def main(arguments: list[str] | None = None) -> int:
    """Run the program; returns its exit code. Errors that the caller can mend are one line and code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        asked = next((word for word in arguments if not word.startswith("-")), "")
        command: Any = typer.main.get_command(build(asked))
        code = command.main(args=arguments or ["--help"], prog_name="genvae", standalone_mode=False)
        sys.stdout.flush()
    except GenvaeError as error:
        return _fail(str(error), INTERRUPTED if type(error).__name__ == "Interrupted" else MENDABLE)
    except (KeyboardInterrupt, typer.Abort):
        return _fail("interrupted", INTERRUPTED)
    except BrokenPipeError:
        return _unread()
    except SystemExit as ended:
        if isinstance(ended.__context__, BrokenPipeError):  # typer's answer to the same
            return _unread()
        raise
    except OSError as error:
        return _fail(f"{error.filename or 'input or output'}: {error.strerror or error}", MENDABLE)
    except Exception as error:
        if hasattr(error, "format_message"):  # an unknown option or a missing argument
            return _fail(error.format_message(), MENDABLE)
        raise
    return code if isinstance(code, int) else 0


def _unread() -> int:
    """The reader has seen enough: genvae generate ... | head. What is still to be flushed goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 0


def _fail(message: str, code: int) -> int:
    print(f"genvae: {' '.join(message.split())}", file=sys.stderr)
    return code


def run() -> None:
    """The console script."""
    sys.exit(main())
