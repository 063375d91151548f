"""How a version goes through a fleet: shadow, a tenth, all, and back."""

import logging
from datetime import timedelta

import pytest

from maskwatch.core.errors import FleetError
from maskwatch.fleet.report import read_reports
from maskwatch.fleet.stages import Stage, is_in_tenth
from maskwatch.models.registry import SHIPPED
from maskwatch.platform.clock import utc_now

from .conftest import V1, V2, WATCHED, add, member_names


def test_a_tenth_is_about_a_tenth_the_same_each_time_and_another_for_each_version():
    names = [f"door {number}" for number in range(2000)]
    one, other = ({name for name in names if is_in_tenth(version, name)} for version in (V1, V2))
    assert 150 < len(one) < 250
    assert 150 < len(other) < 250
    assert len(one & other) < 50
    # documented: the SHA-256 of version, line feed and name
    assert is_in_tenth("20261127T020000Z-1a2b", "shop 8") is False
    assert {name for name in names if is_in_tenth(V1, name)} == one


def test_a_version_is_shadowed_then_serves_a_tenth_then_all(publisher, source, service):
    (first,) = member_names(V1, 1, is_in=True)
    (later,) = member_names(V1, 1, is_in=False)
    services = [service(first), service(later)]

    publisher.publish(source, V1)
    assert [each.look() for each in services] == [SHIPPED, SHIPPED]
    for each in services:
        shadow = each.registry.state().shadow
        assert (shadow.version, shadow.cameras) == (V1, ("door",))

    publisher.stage(V1, Stage.TENTH)
    assert [each.look() for each in services] == [V1, SHIPPED]
    assert [each.registry.state().shadow for each in services] == [None, None]

    publisher.stage(V1, Stage.ALL)
    assert [each.look() for each in services] == [V1, V1]
    assert services[0].asked == [V1]  # judged once


def test_what_is_taken_is_what_was_published_and_no_samples_or_figures_go_along(publisher, source, service):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    mine, theirs = shop.registry.version(V1), source.version(V1)
    assert (mine.files, mine.parent, mine.made_at) == (theirs.files, theirs.parent, theirs.made_at)
    assert (mine.samples, mine.figures) == ((), {})
    assert not (shop.registry.folder / "fleet").exists()


def test_a_service_that_comes_later_takes_what_all_have_and_not_what_is_tried(publisher, source, service):
    publisher.publish(source, V1, Stage.ALL)
    publisher.publish(source, V2, Stage.SHADOW)
    shop = service()
    assert shop.look() == V1
    assert shop.registry.state().shadow.version == V2


def test_a_withdrawn_version_is_left_by_all_for_the_one_before(publisher, source, service):
    shop = service()
    for version in (V1, V2):
        publisher.publish(source, version, Stage.ALL)
        assert shop.look() == version
    publisher.stage(V2, Stage.WITHDRAWN)
    shop.why_not = "the later one is better on the holdout"  # which is no reason to keep what was withdrawn
    assert shop.look() == V1
    assert shop.registry.state().before == (SHIPPED,)
    publisher.stage(V1, Stage.WITHDRAWN)
    assert shop.look() == SHIPPED
    assert shop.switch.files.held() is None


def test_a_version_that_is_staged_back_is_left_where_it_is_not_to_serve_any_more(publisher, source, service):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    publisher.stage(V1, Stage.SHADOW)
    assert shop.look() == SHIPPED
    assert shop.registry.state().shadow.version == V1


def test_a_version_of_the_holdout_s_disapproval_is_refused_until_it_is_staged_anew(
    publisher, source, service
):
    shop = service()
    shop.why_not = "it is worse on the cameras' holdout"
    publisher.publish(source, V1, Stage.ALL)
    assert shop.look() == SHIPPED
    shop.why_not = None
    assert shop.look() == SHIPPED
    assert shop.asked == [V1]
    assert "v1 is refused: it is worse" in shop.member.notice()
    publisher.publish(source, V2, Stage.SHADOW)  # a later manifest, in which V1 is staged as before
    assert shop.look() == SHIPPED
    publisher.stage(V1, Stage.ALL)
    assert shop.look() == V1
    assert shop.member.notice() is None


def test_a_version_under_which_models_shift_is_left_by_itself_and_not_taken_again(publisher, source, service):
    shop = service()
    publisher.publish(source, V1, Stage.ALL)
    shop.look()
    publisher.publish(source, V2, Stage.ALL)
    assert shop.look() == V2
    shop.why_back = "door: how sure the classifier is has shifted"
    assert shop.look() == V1
    shop.why_back = None
    assert shop.look() == V1
    assert "v2 is refused: door: how sure" in shop.member.notice()
    told = [(each.what, each.version, each.why) for each in shop.registry.state().events]
    assert told == [
        ("promoted", V1, "the fleet has it at the stage all"),
        ("promoted", V2, "the fleet has it at the stage all"),
        ("refused", V2, "door: how sure the classifier is has shifted"),
        ("rolled back", V1, "v2 of the fleet is left: door: how sure the classifier is has shifted"),
    ]
    assert shop.switch.files.held() is None
    (told,) = read_reports(publisher._folder)
    assert (told.serves, list(told.refused)) == (V1, [V2])


def test_a_version_is_watched_for_a_time(publisher, source, service, monkeypatch):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    shop.why_back = "shifted"
    later = utc_now() + WATCHED + timedelta(minutes=1)
    monkeypatch.setattr("maskwatch.fleet.switch.utc_now", lambda: later)
    assert shop.look() == V1


def test_a_version_with_which_the_service_crashes_again_and_again_is_left_at_the_start(
    publisher, source, service
):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    for _ in range(3):
        shop.switch.note_start()
        assert shop.serving == V1
    shop.switch.note_start()
    assert shop.serving == SHIPPED
    assert shop.look() == SHIPPED


def test_a_service_that_ends_as_it_should_has_not_crashed(publisher, source, service):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    for _ in range(9):
        shop.switch.note_start()
        shop.member.note_well()
    assert shop.serving == V1


@pytest.mark.parametrize("choice", ["promoted", "rolled back"])
def test_what_somebody_chooses_here_holds_until_the_fleet_is_followed_again(
    publisher, source, service, tmp_path, choice, caplog
):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.look()
    if choice == "promoted":
        add(shop.registry, "own", tmp_path / "own")
        shop.registry.promote("own")
    else:
        shop.registry.rollback()
    chosen = shop.serving
    publisher.publish(source, V2, Stage.ALL)
    shop.why_back = "not asked"
    assert [shop.look(), shop.look()] == [chosen, chosen]
    assert f"not followed since {chosen} was chosen here" in shop.member.notice()
    assert "(maskwatch fleet follow lets the fleet decide again)" in caplog.text
    assert [each.held for each in read_reports(publisher._folder)] == [True]
    assert shop.switch.files.release()
    shop.why_back = None
    assert shop.look() == V2


def test_a_chosen_version_that_the_fleet_withdraws_stays_and_is_told(publisher, source, service):
    publisher.publish(source, V1, Stage.TENTH)
    (name,) = member_names(V1, 1, is_in=False)
    shop = service(name)
    publisher.publish(source, V2, Stage.ALL)
    shop.look()
    shop.registry.add(
        {name: source.folder / "versions" / V1 / name for name in source.version(V1).files},
        source.version(V1),
    )
    shop.registry.promote(V1)
    assert shop.look() == V1
    publisher.stage(V1, Stage.WITHDRAWN)
    with pytest.raises(FleetError, match="v1 was chosen here, and is withdrawn"):
        shop.look()
    assert shop.serving == V1


def test_what_served_when_the_fleet_was_first_configured_is_no_choice_against_it(
    publisher, source, service, tmp_path
):
    shop = service()
    add(shop.registry, "own", tmp_path / "own")
    shop.registry.promote("own")
    publisher.publish(source, V1, Stage.ALL)
    assert shop.look() == V1


def test_a_service_that_was_killed_between_its_note_and_the_promotion_goes_on(
    publisher, source, service, monkeypatch
):
    publisher.publish(source, V1, Stage.ALL)
    shop = service()
    shop.member.watch()

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shop.registry, "promote", killed)
        with pytest.raises(KeyboardInterrupt):
            shop.member.follow()
    assert shop.look() == V1
    # and after the promotion, before that was noted
    state = shop.switch.files.read()
    shop.switch.files.write(state.having(pending=V1, changed_at=None))
    assert shop.look() == V1
    assert shop.switch.files.held() is None


def test_a_shadow_run_that_somebody_here_began_or_ended_is_left_as_it_is(
    publisher, source, service, tmp_path
):
    shop = service()
    add(shop.registry, "own", tmp_path / "own")
    shop.registry.begin_shadow("own")
    publisher.publish(source, V1)
    shop.look()
    assert shop.registry.state().shadow.version == "own"
    shop.registry.end_shadow()
    shop.look()
    assert shop.registry.state().shadow.version == V1
    shop.registry.end_shadow()
    shop.look()
    assert shop.registry.state().shadow is None


def test_two_services_of_one_name_are_warned_of_once(publisher, source, service, tmp_path, caplog):
    publisher.publish(source, V1)
    one = service("shop")
    one.look()
    one.look()
    assert _warnings(caplog) == []
    other = service("shop", state="other")
    other.look()
    other.look()
    (warning,) = _warnings(caplog)
    assert "is named 'shop', too" in warning


def _warnings(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_service_without_cameras_for_it_shadows_nothing(publisher, source, service):
    publisher.publish(source, V1)
    shop = service(cameras=())
    shop.look()
    assert shop.registry.state().shadow is None
    assert shop.registry.versions() == []
