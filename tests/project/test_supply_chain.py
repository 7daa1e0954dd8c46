"""What is installed: under licences that are allowed, listed in bills of materials, and scanned as declared."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy import licences

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


IMAGES = dict(re.findall(r"^FROM \S+ AS (\w+)\nCOPY --from=(\S+) /opt/venv", DOCKERFILE, flags=re.MULTILINE))
"""The images, and the stage in which what each of them holds is installed."""


def bill(lock: str, directory: Path, *, validated: bool = False) -> bytes:
    """The bill of materials of a lock, made by the command of the Makefile, which holds it to the schema by itself."""
    (command,) = re.findall(r"\$\(BIN\)/(cyclonedx-py .*) -o", MAKEFILE)
    words = [*command.replace("$$lock", lock).split(), "--validate" if validated else "--no-validate"]
    script = Path(sys.executable).with_name(words[0])
    output = directory / f"{lock}.json"
    subprocess.run([script, *words[1:], "-o", output], check=True, cwd=ROOT, capture_output=True)
    return output.read_bytes()


@cache
def known() -> list[licences.Licence]:
    return licences.found()


def test_every_package_is_under_a_licence_that_is_allowed() -> None:
    assert len(known()) > 150
    assert [each for each in known() if not each.allowed] == []


def test_no_exception_is_kept_that_nothing_needs() -> None:
    names = {each.package: each.name for each in known()}
    assert {name: names.get(name) for name in licences.ALLOWED} == licences.ALLOWED
    assert {name: names.get(name) for name in licences.TOOLS} == licences.TOOLS
    assert set(licences.UNTOLD) <= set(names)


@pytest.mark.parametrize("name", ["GPL-3.0-only", "untold", "MIT AND AGPL-3.0-only", "proprietary"])
def test_another_licence_is_refused(name: str) -> None:
    assert not replace(known()[0], name=name).allowed
    assert replace(known()[0], name=f"({name}) OR MIT").allowed


@pytest.mark.parametrize("lock", ["api", "pipelines"])
def test_the_bill_of_materials_names_what_is_locked(lock: str, tmp_path: Path) -> None:
    components: list[dict[str, Any]] = json.loads(bill(lock, tmp_path))["components"]
    assert {each["name"]: each["version"] for each in components} == licences.locked(lock)
    assert all(each["externalReferences"][0]["hashes"] for each in components)


def test_every_image_has_one_of_the_lock_from_which_it_is_installed(tmp_path: Path) -> None:
    said = subprocess.run(
        ["make", "-n", "sbom", f"BIN={tmp_path}", "--old-file=.venv/.stamp"],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    script = tmp_path / "cyclonedx-py"
    script.write_text('#!/bin/sh\nfor last; do :; done; echo "$2 $last"\n', encoding="utf-8")
    script.chmod(0o755)
    told = subprocess.run(["sh", "-c", said], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    made = {tuple(line.split()) for line in told.splitlines() if line.startswith("locks/")}
    installed = {image: re.findall(r"locks/(\w+\.lock)", stage(venv))[0] for image, venv in IMAGES.items()}
    assert made == {(f"locks/{lock}", f"dist/sbom-{image}.json") for image, lock in installed.items()}
    assert set(installed) == {"api", "pipelines", "backup"}


def stage(name: str) -> str:
    return DOCKERFILE.split(f" AS {name}\n")[1].split("\nFROM ")[0]


def test_every_image_is_scanned() -> None:
    page = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [image for image in IMAGES if f"trivy image --config trivy.yaml stock-assistant-{image}" not in page] == []


def test_a_bill_of_materials_follows_the_schema_and_is_the_same_each_time(tmp_path: Path) -> None:
    assert bill("api", tmp_path, validated=True) == bill("api", tmp_path)


def test_the_audit_does_not_take_silence_for_safety() -> None:
    (audit,) = re.findall(r"\$\(BIN\)/pip-audit .*", MAKEFILE)
    assert "--strict" in audit
    assert "audit" not in re.findall(r"^test:.*", MAKEFILE, flags=re.MULTILINE)[0]


def test_what_a_scan_leaves_has_a_reason_and_an_end() -> None:
    policy = yaml.safe_load((ROOT / "trivy.yaml").read_text(encoding="utf-8"))
    assert policy["exit-code"] == 1
    assert set(policy["scan"]["scanners"]) == {"vuln", "secret"}
    assert set(policy["severity"]) == {"HIGH", "CRITICAL"}
    left = yaml.safe_load((ROOT / policy["ignorefile"]).read_text(encoding="utf-8"))
    for each in [entry for entries in left.values() for entry in entries]:
        assert each["statement"]
        assert isinstance(each["expired_at"], date)
