"""Keys of the user's own: what is wrong with them is said at the start, not by a key that does nothing."""

from __future__ import annotations

import pytest

from tui.actions.user_keys import trouble_with_keys


@pytest.mark.parametrize("keys", ["M", "f5", "ctrl+a", "ampersand,f1", "space", "ctrl+shift+f2", "minus"])
def test_keys_that_terminals_send_are_taken(keys: str) -> None:
    assert not trouble_with_keys({"migrate": keys})


@pytest.mark.parametrize("keys", ["hello world", "f77", "", "m,", "ctrl+"])
def test_what_is_no_key_is_named_with_its_action(keys: str) -> None:
    assert trouble_with_keys({"migrate": keys}).startswith("migrate: ")


def test_a_key_with_two_actions_is_refused_with_both_names() -> None:
    assert trouble_with_keys({"quit": "m"}) == "'m' is the key of migrate and of quit"


def test_a_key_may_be_given_to_another_action_when_its_own_got_a_new_one() -> None:
    assert not trouble_with_keys({"quit": "colon", "palette": "f5"})


def test_the_same_key_may_do_different_things_in_different_places() -> None:
    assert not trouble_with_keys({"bandwidth": "w", "plan-bandwidth": "w"})
