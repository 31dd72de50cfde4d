import pytest

from tools import registry
from tools.errors import InputError, Unavailable
from tools.installed import not_installed


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lays out a package with entry points as an installer does."""

    def one(name, entry_points, code=""):
        site = tmp_path / name
        facts = site / f"{name}-1.0.dist-info"
        facts.mkdir(parents=True)
        (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (facts / "entry_points.txt").write_text(entry_points)
        (site / f"{name}.py").write_text(code)
        monkeypatch.syspath_prepend(site)

    return one


def test_the_preview_preset_finds_its_backends():
    assert "rules" in registry.names("planner")
    assert "dlib" in registry.names("faces")
    assert "cutout" in registry.names("matting")
    assert "preview" in registry.names("first_frame")
    assert "preview" in registry.names("video")


def test_a_backend_of_another_package_is_made_by_name(install):
    install("elsewhere_a", "[steadface.video]\nelsewhere = elsewhere_a:Maker\n", "class Maker:\n    motto = 'made'\n")
    assert "elsewhere" in registry.names("video")
    assert registry.create("video", "elsewhere").motto == "made"


def test_an_unknown_backend_is_told_with_those_there_are():
    with pytest.raises(InputError, match=r'^There is no first frame backend "nope"; .*preview'):
        registry.create("first_frame", "nope")


def test_a_missing_module_is_named(install):
    install("elsewhere_b", "[steadface.video]\nheavy = elsewhere_b:Maker\n", "import nobody_has_this\n")
    with pytest.raises(Unavailable, match=r'video backend "heavy" needs the Python module "nobody_has_this"'):
        registry.create("video", "heavy")


def test_what_is_not_installed_is_told_without_importing_anything(install):
    install(
        "elsewhere_e",
        "[steadface.video]\nneedy = elsewhere_e:Maker\n",
        "import os.path\nfrom elsewhere_e import Maker\nfrom nobody_has_this.at_all import it\nraise AssertionError\n",
    )
    with pytest.raises(Unavailable, match=r'video backend "needy" needs the Python module "nobody_has_this"') as told:
        registry.expect_installed("video", "needy")
    assert str(told.value).endswith("install the package that has it, or choose another backend.")


def test_what_a_module_of_the_same_package_needs_is_looked_for_too(tmp_path, monkeypatch):
    package = tmp_path / "parts"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "outer.py").write_text("import sys\nfrom .inner import thing\nraise AssertionError\n")
    (package / "inner.py").write_text("def later():\n    import nobody_has_this\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert not_installed("parts.outer") is None
    (package / "inner.py").write_text("import parts.outer\nimport nobody_has_this\n")
    assert not_installed("parts.outer") == "nobody_has_this"


def test_a_module_that_is_missing_only_when_the_backend_is_made_is_named(install):
    install(
        "elsewhere_c",
        "[steadface.video]\nlater = elsewhere_c:make\n",
        "def make():\n    import nobody_has_this_either\n",
    )
    with pytest.raises(Unavailable, match="nobody_has_this_either"):
        registry.create("video", "later")


def test_a_library_that_does_not_load_is_unavailable(install):
    install("elsewhere_d", "[steadface.video]\nbroken = elsewhere_d:Maker\n", "raise ImportError('libGL.so.1: none')\n")
    with pytest.raises(Unavailable, match=r"cannot be loaded here \(libGL\.so\.1: none\)"):
        registry.create("video", "broken")


def test_two_packages_with_one_name_are_refused_rather_than_chosen_between(install):
    for package in ("elsewhere_e", "elsewhere_f"):
        install(package, f"[steadface.video]\ntwice = {package}:Maker\n", "class Maker: ...\n")
    with pytest.raises(InputError, match=r"Two packages offer .*elsewhere_e:Maker and elsewhere_f:Maker"):
        registry.create("video", "twice")


MAKER = """
from __future__ import annotations
from typing import Annotated
from pydantic import Field

class Maker:
    def __init__(self, steps: Annotated[int, Field(ge=1)] = 20, size: tuple[int, int] = (2, 3)):
        self.steps, self.size = steps, size
"""


def test_options_reach_the_factory_in_the_types_that_it_names(install):
    install("elsewhere_g", "[steadface.video]\npicky = elsewhere_g:Maker\n", MAKER)
    made = registry.create("video", "picky", options={"steps": "7", "size": [4, 5]})
    assert (made.steps, made.size) == (7, (4, 5))
    assert registry.create("video", "picky", options={}).steps == 20


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stops": 7}, 'The video backend "picky" has no option "stops"; it has: steps, size.'),
        ({"steps": 0}, 'The option "steps" of the video backend "picky" cannot be 0: .*greater than or equal to 1.'),
        ({"size": [4, "wide"]}, 'The option "size.1" of the video backend "picky" cannot be .wide.: '),
    ],
)
def test_a_wrong_option_is_named_with_its_backend(install, options, sentence):
    install("elsewhere_h", "[steadface.video]\npicky = elsewhere_h:Maker\n", MAKER)
    with pytest.raises(InputError, match=f"^{sentence}"):
        registry.create("video", "picky", options=options)


def test_options_of_a_backend_that_has_none_are_refused():
    with pytest.raises(InputError, match='faces backend "dlib" has no option "size"; it has: none'):
        registry.create("faces", "dlib", options={"size": 1})
