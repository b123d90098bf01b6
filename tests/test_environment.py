"""pyproject.toml, constraints.txt, environment.yml and the Makefile agree with each other."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LINES = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
PINS = {canonicalize_name(line.split("==")[0]): line.split("==")[1] for line in LINES}
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


def _direct() -> list[Requirement]:
    """Requirements named in pyproject.toml, the extras among themselves left out."""
    named = [*PROJECT["dependencies"], *(line for extra in EXTRAS.values() for line in extra)]
    return [requirement for requirement in map(Requirement, named) if requirement.name != "avlib"]


def _installed(requirement: Requirement, found: dict[str, str]) -> None:
    """Add to `found` the installed distributions that `requirement` brings along, and their versions."""
    name = canonicalize_name(requirement.name)
    if name in found:
        return
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:  # of an extra that is not installed here
        return
    found[name] = distribution.version
    for line in distribution.requires or []:
        needed = Requirement(line)
        extras = requirement.extras or {""}
        if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
            _installed(needed, found)


def test_every_line_of_the_constraints_is_one_exact_public_version():
    for line in LINES:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*", line), line  # no +cpu, no path, no range
    assert len(PINS) == len(LINES)
    assert "avlib" not in PINS


@pytest.mark.parametrize("requirement", _direct(), ids=str)
def test_what_is_required_is_pinned_to_an_allowed_version(requirement):
    name = canonicalize_name(requirement.name)
    assert name in PINS, f"{name} is required in pyproject.toml and not pinned in constraints.txt"
    assert requirement.specifier.contains(PINS[name], prereleases=True)


def test_what_the_requirements_bring_along_is_pinned_too():
    found: dict[str, str] = {}
    for requirement in _direct():
        _installed(requirement, found)
    assert len(found) > len(_direct())
    own = {"pip", "setuptools", "wheel"}
    # CUDA's libraries come with torch where there is a card, each with the version that this torch asks for.
    brought = {name: version for name, version in found.items() if not name.startswith("nvidia-") and name not in own}
    assert sorted(brought.keys() - PINS.keys()) == []
    other = {name: version for name, version in brought.items() if Version(version).public != PINS[name]}
    assert other == {}, "installed in another version than constraints.txt says"


def test_conda_installs_the_same_extras_under_the_same_constraints():
    [pip] = [item["pip"] for item in CONDA if isinstance(item, dict)]
    assert "pip" in CONDA
    assert "--constraint constraints.txt" in pip
    [editable] = [line for line in pip if line.startswith("--editable ")]
    extras = re.fullmatch(r"--editable \.\[(.*)\]", editable)
    assert extras
    assert set(extras[1].split(",")) == {"book", "test", "lab"}
    assert set(extras[1].split(",")) <= EXTRAS.keys()


def test_conda_takes_the_python_that_the_versions_were_resolved_on():
    [python] = [item for item in CONDA if isinstance(item, str) and item.startswith("python=")]
    version = python.removeprefix("python=")
    assert SpecifierSet(PROJECT["requires-python"]).contains(f"{version}.0")
    assert f"Python {version}" in (ROOT / "constraints.txt").read_text().splitlines()[0]
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert tools["mypy"]["python_version"] == version
    assert tools["ruff"]["target-version"] == "py" + version.replace(".", "")


def test_the_makefile_installs_extras_that_exist():
    extras = set(re.findall(r"^\w+: \.venv/\.(\w+)$", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"book", "test", "lab", "bench"} <= extras
    assert extras <= EXTRAS.keys()


def test_the_installer_asks_for_the_python_that_the_project_needs():
    least, beyond = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", PROJECT["requires-python"]).groups()
    script = (ROOT / "book" / "install.sh").read_text()
    assert f"not (3, {least}) <= sys.version_info < (3, {beyond})" in script
    assert f"Python 3.{least} to 3.{int(beyond) - 1} is needed" in script
