"""No way of killing V8 that is known kills the process, and the documents say what happens instead."""

import importlib.util
import json
from pathlib import Path

import pytest

spec = importlib.util.spec_from_file_location("hazards", Path(__file__).parent / "hazards.py")
hazards = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hazards)

ALL = [hazard for chapter in hazards.HAZARDS.values() for hazard in chapter]


@pytest.mark.slow
@pytest.mark.parametrize("hazard", ALL, ids=[hazard["title"] for hazard in ALL])
def test_what_happens(hazard):
    outcome, said = hazards.run(hazard)
    assert outcome in hazards.expected(hazard), said


@pytest.mark.parametrize("version", hazards.VERSIONS)
def test_every_hazard_was_measured_and_is_as_it_should_be(version):
    column = json.loads(hazards.DATA.read_text())[version]  # the distributions' V8s, and the one of tools/build_v8
    for hazard in ALL:
        assert column[hazard["title"]] in hazards.expected(hazard, version), hazard["title"]
    assert sum(column[program] for program in hazards.GENERATED) >= 2000


def test_the_page_shows_what_was_measured():
    assert hazards.PAGE.read_text() == hazards.page(json.loads(hazards.DATA.read_text()))


def test_titles_are_different():
    assert len({hazard["title"] for hazard in ALL}) == len(ALL) > 80
