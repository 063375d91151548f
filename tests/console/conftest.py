"""People at browsers, for the pages."""

import pytest
from harness.browser import Person, require_chromium


@pytest.fixture(scope="module")
def person_kind():
    """Who comes; a file of tests may have its own."""
    return Person


@pytest.fixture(scope="module")
def browsers():
    """Those that were started; each serves many tests."""
    require_chromium()
    started = []
    yield started
    for each in started:
        each.browser.quit()


@pytest.fixture
def person(browsers, person_kind):
    """Make people whom the page does not know; the test fails when one's browser had something to complain of."""
    people = []

    def make(width=1300, height=860):
        if len(people) == len(browsers):
            browsers.append(person_kind())
        people.append(browsers[len(people)])
        people[-1].begin(width, height)
        return people[-1]

    yield make
    problems = [problem for each in people for problem in each.problems()]
    for each in people:
        each.go("about:blank")
    assert problems == []
