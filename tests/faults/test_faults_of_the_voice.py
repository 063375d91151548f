"""A voice that fails: the log sink tells on, it is said once, the engine is not held up, and it speaks again by itself."""

import pytest

pytestmark = pytest.mark.timeout(120)

BACK_S = 10  # until the next alert that is due has been spoken
HANGS_S = 10  # what an engine may take (the fixture's `render_s`); an attempt under way hangs as long


def forget_sentence(watched):
    """So that the engine is asked again."""
    for path in (watched.service.folder / "cache").rglob("*.wav"):
        path.unlink()


def survives(watched, begin, end, reason, back_s=BACK_S):
    service, mark = watched.service, watched.service.change_stamp()
    begin()
    noticed_s = service.until_logged(reason, after=mark)
    before, told = service.status(), service.log.count("people wear no mask")
    watched.well_goes_on(10)
    service.until(lambda: service.log.count("people wear no mask") > told + 1)
    assert service.log[mark:].count("ERROR voice: ") == 1
    assert service.status().up == before.up == 2
    end()
    taken_s = service.until_logged("voice: works again", after=mark)
    assert taken_s <= back_s
    return {"noticed_s": noticed_s, "back_s": taken_s}


@pytest.mark.parametrize(
    ("mode", "reason"),
    [("fail", "audio open error: no sound card"), ("hang", "aplay took longer than 3 s")],
    ids=["fails", "hangs"],
)
def test_a_player_that_fails_or_hangs_is_told_once_and_tried_again(watched, recovery, mode, reason):
    times = survives(
        watched, lambda: watched.mode.write_text(mode), lambda: watched.mode.write_text("play"), reason
    )
    recovery(**times)


def test_a_player_that_is_missing_is_told_once_until_it_is_installed(watched, recovery):
    player = watched.folder / "bin" / "aplay"
    aside = player.with_name("aside")
    times = survives(
        watched, lambda: player.rename(aside), lambda: aside.rename(player), "aplay is not installed"
    )
    recovery(**times)


@pytest.mark.parametrize(
    ("mode", "reason", "back_s"),
    [
        ("engine fails", "no speech engine on this machine", BACK_S),
        ("engine hangs", f"the speech engine took longer than {HANGS_S} s", BACK_S + HANGS_S),
    ],
    ids=["fails", "hangs"],
)
def test_an_engine_that_fails_or_hangs_is_told_once_and_tried_again(watched, recovery, mode, reason, back_s):
    def begin():
        watched.mode.write_text(mode)
        forget_sentence(watched)

    times = survives(watched, begin, lambda: watched.mode.write_text("play"), reason, back_s)
    recovery(**times)


def test_a_sink_slower_than_the_alerts_holds_nothing_up(watched):
    service = watched.service
    usual = rate(watched)
    watched.mode.write_text("slow")
    slow = rate(watched)
    watched.mode.write_text("play")
    assert slow >= 0.8 * usual
    assert service.status().up == 2


def rate(watched, frames=16):
    """Frames of the well camera a second."""
    before = watched.service.status().analysed("well")
    taken_s = watched.service.until(lambda: watched.service.status().analysed("well") >= before + frames, 60)
    return frames / taken_s
