"""The commands of paramcount that answer once: count, compare, batch, layers."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Sequence
from importlib.metadata import version
from io import TextIOWrapper

from paramcount.cli import batch, compare, count
from paramcount.cli.options import Parser
from paramcount.cli.terminal import CommandError, print_error
from paramcount.model.budget import Limits
from paramcount.model.errors import RegistrationError, did_you_mean
from paramcount.requests.settings import InvalidSetting, from_environment
from paramcount.schema.registry import LAYERS, load_plugins

_STATUS = """\
exit status: 0, all is well; 1, a check that was asked for does not hold (--max-total, --max-trainable, --exact,
--exit-code); 2, something cannot be read, counted or understood, and standard error says what; 3, Paramcount crashed.
"""


_MODULES = {"count": count, "compare": compare, "batch": batch}
_COMMANDS = (*_MODULES, "layers", "serve")


def run(arguments: Sequence[str]) -> int:
    """Run a command, and return its exit status."""
    try:
        args = _parse(arguments)
    except CommandError as error:
        return print_error(*error.lines)
    if isinstance(sys.stdout, TextIOWrapper):  # names are in any script, lines as each form has them, on any system
        sys.stdout.reconfigure(encoding=None if sys.stdout.isatty() else "utf-8", errors="replace", newline="\n")
    try:
        load_plugins()
        status: int = args.run(args, from_environment(Limits))
        sys.stdout.flush()
    except (RegistrationError, InvalidSetting) as error:
        return print_error(str(error))
    except CommandError as error:
        return print_error(*error.lines)
    except BrokenPipeError:  # whoever reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return status


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse a command line. Raises CommandError for a word that is no command, and for one that is no option."""
    parser = _parser()
    word = arguments[0] if arguments else "--help"
    if not word.startswith("-") and word not in _COMMANDS:
        hint = did_you_mean(word, _COMMANDS) or f"; did you mean: paramcount count {word}?"
        raise CommandError(f"there is no command {word}{hint}")
    args, others = parser.parse_known_args(arguments or ["--help"])
    args.parser.refuse(others)
    return args


def _parser() -> Parser:
    parser = Parser(
        "paramcount",
        description="Counts a neural network's parameters, exactly, from its description. See COMMAND --help.",
        epilog=_STATUS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=version("paramcount"))
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, module in _MODULES.items():
        summary, _, description = (module.__doc__ or "").partition("\n")
        command = commands.add_parser(
            name,
            usage=f"paramcount {name} {module.OPERANDS} [options]",
            help=summary.partition(": ")[2],
            description=f"{summary.partition(': ')[2]}\n{description}",
            epilog=_STATUS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,  # a script must not break when an option is added
        )
        module.add_options(command)
        command.set_defaults(run=module.run, parser=command)
    listing = commands.add_parser("layers", help="list the registered layer types")
    listing.set_defaults(run=_layers, parser=listing)
    commands.add_parser("serve", help="count over HTTP, and show a page in a browser; --port 8000")
    return parser


def _layers(_args: argparse.Namespace, _limits: Limits) -> int:
    for name, kind in LAYERS.items():
        sys.stdout.write(f"{name:40} {kind.doc.partition(chr(10))[0]}\n")
    return 0
