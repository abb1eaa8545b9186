"""Waiting times double, differ by chance and never exceed their cap."""

from __future__ import annotations

from worker.pacing import Pause


def test_pauses_double_up_to_the_longest() -> None:
    pause = Pause(1, 5, chance=lambda: 0.0)
    assert [pause.seconds() for _ in range(5)] == [1, 2, 4, 5, 5]


def test_chance_shortens_a_pause_by_up_to_half_and_never_lengthens_it() -> None:
    pause = Pause(1, 8, chance=lambda: 1.0)
    assert [pause.seconds() for _ in range(5)] == [0.5, 1, 2, 4, 4]


def test_reset_starts_again_from_the_shortest() -> None:
    pause = Pause(1, 8, chance=lambda: 0.0)
    pause.seconds()
    pause.seconds()
    pause.reset()
    assert pause.seconds() == 1


def test_the_first_pause_is_no_longer_than_the_longest() -> None:
    assert Pause(10, 2, chance=lambda: 0.0).seconds() == 2
