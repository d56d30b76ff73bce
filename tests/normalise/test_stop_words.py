"""Which answers to a text message end it."""

import pytest

from hub.normalise.stop_words import refuses


@pytest.mark.parametrize(
    "text", ["STOP", "Stop.", " stopp! ", "AFMELDEN", "Uit", "ARRET", "arrêt", "STOP MIAOUM", "«stop»", "ＳＴＯＰ"]
)
def test_a_word_that_ends_it_is_known_in_every_spelling(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize("text", ["", "...", "niet stoppen", "Stop maar met zeuren", "uitstekend", "1 2 3", "OK"])
def test_a_sentence_is_for_a_person_to_read(text: str) -> None:
    assert not refuses(text)


def test_a_connection_may_have_words_of_its_own() -> None:
    assert refuses("Genoeg!", ["genoeg"])
    assert not refuses("STOP", ["genoeg"])
