"""The lock files: complete, hashed, free of hosts, and agreeing with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
BASE = PROJECT["dependencies"]
EXTRAS = PROJECT["optional-dependencies"]

DECLARED = {
    "api": BASE,
    "pipelines": BASE + EXTRAS["pipelines"] + EXTRAS["research"] + EXTRAS["kubernetes"],
    "dev": BASE + [item for extra in EXTRAS.values() for item in extra] + PYPROJECT["dependency-groups"]["dev"],
    "build": PYPROJECT["build-system"]["requires"] + (ROOT / "locks/build.in").read_text(encoding="utf-8").split(),
}


def text(name: str) -> str:
    return (ROOT / "locks" / f"{name}.lock").read_text(encoding="utf-8")


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """The lock's packages: version and hashes by name."""
    packages = {}
    for entry in re.split(r"\n(?=[a-zA-Z0-9])", text(name)):
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", entry):
            hashes = frozenset(re.findall(r" \\\n    --hash=(sha256:[0-9a-f]{64})", entry))
            packages[canonicalize_name(match[1])] = (match[2], hashes)
    return packages


@pytest.mark.parametrize("name", DECLARED)
def test_every_line_is_a_pinned_and_hashed_package(name: str) -> None:
    starts = [line for line in text(name).splitlines() if line and line[0] not in "# "]
    assert len(starts) == len(locked(name)) > 0
    assert all(hashes for _, hashes in locked(name).values())


@pytest.mark.parametrize("name", DECLARED)
def test_no_lock_names_a_place(name: str) -> None:
    assert not re.search(r"://|\bindex-url\b|\bfind-links\b| @ ", text(name))


@pytest.mark.parametrize("name", DECLARED)
def test_what_is_declared_is_locked_in_a_version_that_fits(name: str) -> None:
    packages = locked(name)
    for line in DECLARED[name]:
        requirement = Requirement(line)
        version, _ = packages[canonicalize_name(requirement.name)]
        assert requirement.specifier.contains(version, prereleases=True), f"{line}: {version} is locked; run make lock"


@pytest.mark.parametrize("name", ["api", "pipelines"])
def test_an_image_gets_exactly_what_is_tested(name: str) -> None:
    assert locked(name).items() <= locked("dev").items()


def test_the_build_tools_agree_with_what_is_tested() -> None:
    build, dev = locked("build"), locked("dev")
    assert {name: build[name] for name in build.keys() & dev.keys()} == {
        name: dev[name] for name in build.keys() & dev.keys()
    }


def test_the_api_is_locked_without_what_only_the_pipelines_need() -> None:
    unwanted = {canonicalize_name(Requirement(line).name) for line in EXTRAS["pipelines"]} - {
        "six",
        "anyio",
    }  # the API gets these two by other ways
    assert locked("api").keys().isdisjoint(unwanted | {"numpy", "grpcio", "psycopg2-binary"})


def test_no_lock_of_another_kind_is_kept() -> None:
    assert not [name for name in ("uv.lock", "poetry.lock", "pdm.lock") if (ROOT / name).exists()]
