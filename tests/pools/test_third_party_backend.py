import textwrap

import pytest
from trials import CutWith

from tools.errors import InputError, Unavailable


@pytest.fixture
def razor(tmp_path, monkeypatch):
    """A package of somebody else's, laid out as an installer does."""
    site = tmp_path / "site"
    facts = site / "razor-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: razor\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[steadface.matting]\nrazor = razor:Razor\nblunt = razor_needs_more:Blunt\n"
    )
    (site / "razor.py").write_text(
        textwrap.dedent("""
            class Razor:
                made = 0

                def __init__(self):
                    type(self).made += 1
                    self.motto = "cut clean"
        """)
    )
    (site / "razor_needs_more.py").write_text("import a_module_that_nobody_has\n")
    monkeypatch.syspath_prepend(site)


@pytest.mark.usefixtures("razor")
def test_a_worker_uses_a_backend_of_another_package_and_makes_it_once(open_pool):
    call = open_pool()
    assert call(CutWith(backend="razor")).reply.said == "cut clean"
    assert call(CutWith(backend="razor")).reply.backends_made == 1


@pytest.mark.usefixtures("razor")
def test_a_backend_that_lacks_a_package_is_unavailable_and_the_worker_lives(open_pool):
    call = open_pool()
    with pytest.raises(Unavailable, match="a_module_that_nobody_has"):
        call(CutWith(backend="blunt"))
    with pytest.raises(InputError, match=r'no matting backend "scythe".*razor'):
        call(CutWith(backend="scythe"))
    assert call(CutWith(backend="razor")).reply.said == "cut clean"
