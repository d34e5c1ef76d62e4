from raytrain.speech.spellings import joined, several_spellings, spelling


def test_blanks_unseen_characters_and_case_make_no_other_child() -> None:
    ids = ["kid-1", " kid-1", "kid-1\u200b", "\ufeffkid-1", "KID-1", "kid -1\u00a0", "\uff4bid-1"]
    assert several_spellings([*ids, "kid-2"]) == [tuple(ids)]


def test_ids_that_differ_in_a_letter_or_a_digit_are_children_of_their_own() -> None:
    assert several_spellings(["kid-1", "kid-11", "kid_1", "kit-1"]) == []


def test_an_id_of_nothing_seen_is_no_other_such_id() -> None:
    assert spelling(" ") != spelling("\u200b")


def test_a_child_goes_by_its_shortest_spelling_whatever_the_order() -> None:
    assert joined(["KID-1 ", "kid-2", "kid-1"]) == ["kid-1", "kid-2", "kid-1"]
    assert joined(["kid-1", "kid-2", "KID-1 "]) == ["kid-1", "kid-2", "kid-1"]
