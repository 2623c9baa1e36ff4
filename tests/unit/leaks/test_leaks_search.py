"""The search of the leak test: it finds every form of every secret, and nothing where there is none."""

from __future__ import annotations

import base64
import json
import random
import re
import uuid

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.bench.redaction.spoken import Speaker
from tests.leaks import haystacks
from tests.leaks.haystacks import Record
from tests.leaks.person import Person, Secret, invent
from tests.leaks.reading import fold, numbers_in, spelled_in
from tests.leaks.scenes import Scene, across_messages, scenes_of
from tests.leaks.search import Haystack, Search
from tests.leaks.speech import address, in_pairs, one_by_one, spelled

PEOPLE = [invent(seed) for seed in range(12)]
SEARCHES = [Search(person.values()) for person in PEOPLE]
SEPARATORS = ("", " ", "-", ".", "/", ", ", " - ", "_", "\u2011", "\u00a0", '","')
ORDINARY = st.sampled_from(
    (
        "",
        "and",
        "the call",
        '{"event": "opened", "text": "',
        "lane_restored ",
        "[info] ",
        "\u00e9\u00fc\u4e2d",
        "<b>",
        "\\n",
    )
)


@st.composite
def numbers_said(draw: st.DrawFn, secret: Secret) -> str:
    """A number, or four digits of it or more, in one of its forms."""
    number = draw(st.sampled_from(secret.numbers))
    start = draw(st.integers(0, max(0, len(number) - 4)))
    part = number[start : draw(st.integers(min(start + 4, len(number)), len(number)))]
    return draw(
        st.sampled_from(
            (
                *(separator.join(part) for separator in SEPARATORS),
                "".join(chr(ord(digit) - ord("0") + ord("\uff10")) for digit in part),
                one_by_one((part,)),
                one_by_one((part,), zero="zero", doubles=True).upper(),
                one_by_one(part, pause=", um, "),
                one_by_one(part, pause=" dash "),
                in_pairs((part[: len(part) // 2 * 2],)) if len(part) >= 4 else one_by_one((part,)),
                re.sub("[<>]", "", Speaker(random.Random(draw(st.integers(0, 99)))).group(part)),
            )
        )
    )


@st.composite
def planted(draw: st.DrawFn) -> tuple[int, str, str]:
    """Number of a person, a kind of secret, and one of its forms."""
    number = draw(st.integers(0, len(PEOPLE) - 1))
    secret = draw(st.sampled_from(list(PEOPLE[number].values())))
    forms: list[st.SearchStrategy[str]] = []
    if secret.numbers:
        forms.append(numbers_said(secret))
    if secret.words:
        word = draw(st.sampled_from(secret.words))
        part = word[draw(st.integers(0, len(word) - 4)) :]
        cases = (word, word.upper(), word.capitalize(), f"pre{word}post", secret.written)
        forms.append(st.sampled_from((*cases, *(separator.join(part) for separator in SEPARATORS[1:]))))
    if secret.phrases:
        phrase = draw(st.sampled_from(secret.phrases))
        forms.append(st.sampled_from((phrase, phrase.title().replace(" ", ", "))))
    return number, secret.kind, draw(st.one_of(forms))


@settings(max_examples=300)
@given(planted(), ORDINARY, ORDINARY)
def test_every_form_is_found_in_any_text(secret: tuple[int, str, str], before: str, after: str) -> None:
    """Whole or four digits of it, in figures and words, with any separators: it is found wherever it stands."""
    number, kind, form = secret
    assert kind in SEARCHES[number].kinds_in(f"{before} {form} {after}")


@settings(max_examples=200)
@given(planted(), st.text("ab, :", max_size=3), st.text("ab, :", max_size=3), st.booleans(), ORDINARY)
def test_every_form_is_found_in_base64(
    secret: tuple[int, str, str], before: str, after: str, urlsafe: bool, around: str
) -> None:
    """Encoded at any of the three alignments, with either alphabet, and directly behind other letters."""
    number, kind, form = secret
    encode = base64.urlsafe_b64encode if urlsafe else base64.b64encode
    encoded = encode(f"{before} it is {form} {after}".encode()).decode()
    assert kind in SEARCHES[number].kinds_in(around + encoded)


@settings(max_examples=100)
@given(planted(), st.sampled_from(("key", "header", "value", "member", "name", "log", "printed", "page", "label")))
def test_every_form_is_found_in_whatever_is_written(secret: tuple[int, str, str], where: str) -> None:
    """Keys, headers and values of records, names and members of JSON, lines of logs, labels of metrics."""
    number, kind, form = secret
    search, member = SEARCHES[number], json.dumps(form)
    # A line of a log, and a label, hold no quotes but with their escapes.
    plain = form.replace('"', "")
    haystack = {
        "key": lambda: haystacks.of_record(Record("t", 0, 0, form.encode(), b"{}"), "redacted"),
        "header": lambda: haystacks.of_record(Record("t", 0, 0, None, b"{}", (("ce", form.encode()),)), "redacted"),
        "value": lambda: haystacks.of_record(Record("t", 0, 0, None, form.encode()), "redacted"),
        "member": lambda: haystacks.of_record(
            Record("t", 0, 0, None, f'{{"a": [1, {{"text": {member}}}]}}'.encode()), "redacted"
        ),
        "name": lambda: haystacks.of_record(Record("t", 0, 0, None, f'{{"a": {{{member}: 1}}}}'.encode()), "redacted"),
        "log": lambda: haystacks.of_log("worker", f'{{"event": "x"}}\n{{"event": {member}, "offset": 3}}\n'),
        "printed": lambda: haystacks.of_log("worker", f'{{"event": "x"}}\ncannot read {plain}\n'),
        "page": lambda: haystacks.of_page("/sessions", f'{{"streams": [{{"text": {member}}}]}}'),
        "label": lambda: haystacks.of_metrics("/metrics", f'# HELP a b\na{{kind="{plain}"}} 3.0\n'),
    }[where]()
    assert kind in {hit.secret for hit in search.search(haystack)}


@given(
    st.integers(0, len(PEOPLE) - 1),
    st.lists(st.integers(0, 10**6)),
    st.uuids(),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    st.integers(1024, 65535),
)
@example(
    0, [*range(8000, 9000)], uuid.UUID("41111111-1111-1111-1111-111111111111"), "2026-11-23T10:00:00.123456Z", 9092
)
def test_what_programs_number_by_themselves_is_no_content(
    number: int, counts: list[int], name: uuid.UUID, time: str, port: int
) -> None:
    """Offsets, clocks, ids, ports and measurements may hold four digits of any number."""
    search = SEARCHES[number] if number % 2 else Search(PEOPLE[number].values(), made_up=["run-8213"])
    line = {"event": f"connected to 127.0.0.1:{port}", "id": str(name), "at": time, "offsets": counts}
    found = search.search(haystacks.of_log("worker", json.dumps(line)))
    record = Record("run-8213.audio", 3, 4711, b"call", json.dumps(line | {"sequence": port}).encode())
    found += search.search(haystacks.of_record(record, "insights"))
    page = f'# TYPE a histogram\na_bucket{{le="0.{port}"}} {port}\npython_info{{version="3.11.{port}"}} 1.0\n'
    found += search.search(haystacks.of_metrics("/metrics", page))
    assert not found


def test_names_of_the_run_are_no_content() -> None:
    """The number in the name of a topic is nobody's, with partition and offset behind it."""
    part = PEOPLE[0]["CARD_PIN"].written
    log = haystacks.of_log(
        "worker", json.dumps({"partition": f"run-{part}.audio/3", "at": f"run-{part}.state/1/{part}"})
    )
    assert Search(PEOPLE[0].values()).search(log)
    assert not Search(PEOPLE[0].values(), made_up=[f"run-{part}"]).search(log)


def test_a_whole_number_is_found_wherever_it_stands() -> None:
    """Not even as a count, a measurement or in the name of a topic may it stand there."""
    number = PEOPLE[0]["SSN"].numbers[0]
    search = Search(PEOPLE[0].values(), made_up=[f"run-{number}"])
    for haystack in (
        haystacks.of_log("worker", f'{{"offset": {number}}}'),
        haystacks.of_log("worker", f'{{"topic": "run-{number}"}}'),
        haystacks.of_metrics("/metrics", f"a_total {number}.0"),
        haystacks.of_binary("__transaction_state-0", "internal", b"\0\1" + number.encode() + b"\xff"),
    ):
        assert {hit.secret for hit in search.search(haystack)} == {"SSN"}


def test_what_a_producer_has_said_may_stand_where_it_is_kept() -> None:
    """A name in the vocabulary of a tracker is in the state by design, and nowhere else."""
    tracked = PEOPLE[0]["TRACKED_NAME"].written
    for kind, hits in (("state", 0), ("insights", 1), ("log", 1)):
        assert len(SEARCHES[0].search(Haystack("", kind, tracked, ()))) == hits


@pytest.mark.parametrize("person", PEOPLE)
def test_every_secret_of_a_scene_is_told_from_its_text(person: Person) -> None:
    """What a line is said to hold is found in it, and nothing else: all secrets are said, in figures and in words."""
    search = Search(person.values())
    scenes: list[Scene] = [*scenes_of(person), *across_messages(person).values()]
    for line in (line for scene in scenes for line in scene.lines):
        assert search.kinds_in(line.text) == set(line.secrets)
    assert {kind for scene in scenes for line in scene.lines for kind in line.secrets} == set(person)


def test_a_person_is_the_same_every_time() -> None:
    """A seed is enough to search what an earlier run has left."""
    assert invent(7) == invent(7)
    assert invent(7) != invent(8)


@pytest.mark.parametrize("person", PEOPLE)
def test_no_part_belongs_to_two_secrets(person: Person) -> None:
    """Four digits tell whose they are."""
    parts = [part for secret in person.values() for part in secret.parts()]
    assert len(parts) == len(set(parts))


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("4111-1111", ["41111111"]),
        ("four one one one", ["4111"]),
        ("forty-one eleven, double oh triple seven", ["411100777"]),
        ("ninety", ["90"]),
        ("twenty zero five", ["2005"]),
        ("eight hundred five", ["8005"]),
        ("four um one and then one", ["411"]),
        ("four of one", ["4", "1"]),
        ("4     1", ["4", "1"]),
        ("3f2a24", ["3", "2", "24"]),
        ('8170,"zero_ms":17', ["8170", "17"]),
        ("double trouble 5", ["5"]),
        ("\uff14\uff11", ["41"]),
        ("nobody", []),
    ],
)
def test_numbers_are_read(text: str, digits: list[str]) -> None:
    """As they are said; words that are no hesitation end them, and so does a long gap."""
    assert [number.digits for number in numbers_in(fold(text))] == digits


@pytest.mark.parametrize(
    ("text", "letters"),
    [("o k o n", ["okon"]), ("O-K. O", ["oko"]), ("a name, b c", ["a", "bc"]), ("x 1 y", ["x", "y"]), ("name", [])],
)
def test_spelled_words_are_read(text: str, letters: list[str]) -> None:
    """Letters one by one."""
    assert [each for each, *_ in spelled_in(fold(text))] == letters


def letter(original: Record, *, detail: str = "header seq", key: bytes | None = None) -> Record:
    """A dead letter about a record."""
    value = {
        "reason": "bad_header",
        "detail": detail,
        "source": {"topic": original.topic, "partition": original.partition, "offset": original.offset},
        "original": {
            "key_base64": base64.b64encode(original.key or b"").decode(),
            "headers": [[name, base64.b64encode(header).decode()] for name, header in original.headers],
            "value_base64": base64.b64encode(original.value or b"").decode(),
            "value_bytes": len(original.value or b""),
        },
    }
    return Record("letters", 0, 1, original.key if key is None else key, json.dumps(value).encode())


def test_a_dead_letter_is_searched_without_its_original() -> None:
    """The record that could not be used is in it by design; everything else of it is searched."""
    card = PEOPLE[0]["CARD_NUMBER"].written
    original = Record("audio", 2, 7, b"call", card.encode(), (("seq", card.encode()),))
    assert haystacks.source_of(letter(original)) == (2, 7)
    assert not SEARCHES[0].search(haystacks.of_dead_letter(letter(original), original))
    assert SEARCHES[0].search(haystacks.of_dead_letter(letter(original, detail=f"header seq: {card}"), original))
    assert SEARCHES[0].search(haystacks.of_record(letter(original), "dead_letters"))


@pytest.mark.parametrize(
    "other",
    [
        Record("audio", 2, 7, b"call", b"other", (("seq", b"1"),)),
        Record("audio", 2, 7, b"other", b"value", (("seq", b"1"),)),
        Record("audio", 2, 7, b"call", b"value", (("seq", b"2"),)),
    ],
)
def test_what_only_looks_like_the_original_is_no_excuse(other: Record) -> None:
    """What is left out of the search is the input record, byte for byte."""
    original = Record("audio", 2, 7, b"call", b"value", (("seq", b"1"),))
    with pytest.raises(AssertionError):
        haystacks.of_dead_letter(letter(original), other)
    with pytest.raises(AssertionError):
        haystacks.of_dead_letter(letter(original, key=b"other"), original)


def test_forms_of_speech() -> None:
    """What the scenes are made of."""
    assert one_by_one(("4033", "DE1"), doubles=True, pause=", ") == "four oh double three, d e one"
    assert in_pairs(("4100", "1907")) == "forty one oh oh, nineteen oh seven"
    assert address("Jane.Doe@example.com") == "jane dot doe at example dot com"
    assert spelled("Doe") == "d o e"
