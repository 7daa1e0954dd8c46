"""Dagster's programs, without their own reading of the `.env` in the working directory.

They write it over the environment, empty values too: what `stock-assistant up` gives them, as the sandbox's address and token,
would be lost where `.env` is a copy of `.env.example`. Our settings read `.env` themselves, after the environment.
"""

from __future__ import annotations

import sys
from importlib.metadata import entry_points

from dagster._cli import utils


def main() -> None:
    """Run the program that the first argument names, with the arguments that follow it."""
    vars(utils)["get_env_var_dict"] = lambda _: {}
    del sys.argv[0]
    (program,) = entry_points(group="console_scripts", name=sys.argv[0])
    program.load()()


if __name__ == "__main__":
    main()
