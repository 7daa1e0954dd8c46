"""The Dockerfile, without an engine: linted, non-root, watched, and installing only what is locked."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy import image_check

ROOT = Path(__file__).parents[2]
TEXT = re.sub(r"\\\n\s*", "", (ROOT / "Dockerfile").read_text(encoding="utf-8"))
STAGES = {
    match[1]: stage
    for stage in re.split(r"^(?=FROM )", TEXT, flags=re.MULTILINE)
    if (match := re.match(r"FROM \S+ AS (\S+)", stage))
}
IMAGES = {"pipelines": "10001:10001", "api": "10001:10001", "backup": "999:999"}
"""By target the user; that of the backups is the user as whom PostgreSQL runs in its image."""


def instructions(stage: str, name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", STAGES[stage], flags=re.MULTILINE)


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    result = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_runs_as_a_numbered_user_that_is_not_root(image: str) -> None:
    assert instructions(image, "USER")[-1] == IMAGES[image]


def test_the_check_without_docker_knows_every_image() -> None:
    page = (ROOT / "docs/deploy.md").read_text(encoding="utf-8")
    (words,) = re.findall(r'`make image-check ARGS="([^"]+)"`', page)
    assert set(words.split()) == set(image_check.EXPECTED) == set(IMAGES)


@pytest.mark.parametrize("image", IMAGES)
def test_the_image_is_watched_and_starts_without_a_shell(image: str) -> None:
    assert len(instructions(image, "HEALTHCHECK")) == 1
    for name in ("CMD", "ENTRYPOINT"):
        for value in instructions(image, name):
            assert json.loads(value)


def test_everything_installed_is_hashed_or_built_here() -> None:
    installs = [
        part
        for stage in STAGES
        for run in instructions(stage, "RUN")
        for part in run.split("&&")
        if re.search(r"\bpip (install|sync)\b", part)
    ]
    assert len(installs) >= 5
    for install in installs:
        assert "--require-hashes" in install or {"--no-deps", "--no-index"} <= set(install.split()), install


def test_what_is_copied_is_let_through_and_exists() -> None:
    allowed = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), flags=re.MULTILINE))
    copied = {
        source.split("/")[0]
        for stage in STAGES
        for line in instructions(stage, "COPY")
        if "--from=" not in line
        for source in line.split()[:-1]
        if not source.startswith("--")
    }
    assert copied == allowed
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_final_images_hold_no_source_tree_and_no_secret() -> None:
    for image in IMAGES:
        sources = [line for line in instructions(image, "COPY") if "--from=" not in line]
        assert sources in ([], ["--chmod=0444 dagster.yaml /opt/dagster/"])
    assert not re.search(r"(?i)^(ARG|ENV).*(password|token|secret)", TEXT, flags=re.MULTILINE)
