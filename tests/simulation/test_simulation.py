"""The simulation finds nothing in the core as it is, and each bug that is planted in it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.simulate import simulate

_WORLDS = ("33.0", "34.0", "37.0")
"""In one of these each bug comes to bear."""
_PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("seed", ["7.0", "7.1", "7.3", *_WORLDS])
def test_whatever_breaks_each_message_has_its_effect_once_and_is_concluded(seed: str) -> None:
    report = simulate(seed)
    assert report.finding is None, report.finding
    assert report.effects > 100


@pytest.mark.parametrize("bug", BUGS)
def test_a_bug_that_is_planted_is_found_and_found_again_by_the_seed_it_was_found_with(
    bug: str,
) -> None:
    findings = (simulate(seed, bug=bug).finding for seed in _WORLDS)
    found = next((one for one in findings if one), None)
    assert found is not None
    assert simulate(found.seed, bug=bug).finding == found


def test_a_seed_tells_the_same_story_in_every_process() -> None:
    stories = {_story(hash_seed) for hash_seed in ("1", "2")}
    assert len(stories) == 1
    assert "digest" in stories.pop()


def _story(hash_seed: str) -> str:
    told = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "7.3"],
        cwd=_PROJECT,
        env=os.environ | {"PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return told[told.index("worlds of") :]
