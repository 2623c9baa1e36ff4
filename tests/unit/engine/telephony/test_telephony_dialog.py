"""One outgoing call against a scripted other side."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.engine.telephony.dialog import CallState, Media, OutgoingCall, Over, Reply, Transmit
from worker.engine.telephony.sip import SipError, SipRequest, SipResponse, encode, every, first, host_of, parse, uri_of

ANSWER = b"v=0\r\nc=IN IP4 192.0.2.9\r\nm=audio 4000 RTP/AVP 0\r\n"


def make_call() -> OutgoingCall:
    tokens = itertools.count(1)
    return OutgoingCall(
        target="sip:room@192.0.2.1",
        next_hop=("192.0.2.1", 5060),
        local=("192.0.2.7", 5070),
        sdp=b"v=0\r\n",
        call_id="call-1",
        new_token=lambda: f"t{next(tokens)}",
    )


def sent(actions: list[object]) -> list[SipRequest | SipResponse]:
    return [parse(each.data) for each in actions if isinstance(each, Transmit | Reply)]


def answer(request: SipRequest, status: int, *, contact: str = "", routes: tuple[str, ...] = ()) -> SipResponse:
    """What an ordinary user agent says to a request."""
    headers = [(name, value) for name, value in request.headers if name in ("via", "from", "call-id", "cseq")]
    to = first(request.headers, "to") or ""
    headers.append(("to", to if "tag=" in to else f"{to};tag=theirs"))
    headers += [("record-route", route) for route in routes]
    if contact:
        headers.append(("contact", contact))
    parsed = parse(encode(SipResponse(status, "Answer", headers, ANSWER if 200 <= status < 300 else b"")))
    assert isinstance(parsed, SipResponse)
    return parsed


def test_a_call_that_is_answered_and_hung_up() -> None:
    """INVITE, 180, 200, ACK to the contact, BYE with the next number, 200: the dialogue of RFC 3261 section 4."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    assert (invite.method, invite.uri) == ("INVITE", "sip:room@192.0.2.1")
    assert call.receive(answer(invite, 180), 0.1) == []
    actions = call.receive(answer(invite, 200, contact="<sip:room@192.0.2.8:5080>"), 0.2)
    [ack] = sent(list(actions))
    assert isinstance(ack, SipRequest)
    assert (ack.method, ack.uri) == ("ACK", "sip:room@192.0.2.8:5080")
    assert "tag=theirs" in (first(ack.headers, "to") or "")
    assert first(ack.headers, "via") != first(invite.headers, "via")
    assert isinstance(actions[0], Transmit)
    assert (actions[0].host, actions[0].port) == ("192.0.2.8", 5080)
    assert actions[1:] == [Media(ANSWER)]
    [bye] = sent(list(call.hang_up(5.0)))
    assert isinstance(bye, SipRequest)
    assert bye.method == "BYE"
    assert first(bye.headers, "cseq") == "2 BYE"
    assert call.hang_up(5.1) == []
    assert call.receive(answer(bye, 200), 5.2) == [Over("hung up")]
    assert call.next_deadline() is None


def test_requests_within_the_call_follow_the_recorded_route() -> None:
    """Proxies that recorded themselves are passed in reverse order (section 12.1.2)."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    routes = ("<sip:near.example;lr>", "<sip:192.0.2.4:5099;lr>")
    actions = call.receive(answer(invite, 200, contact="<sip:room@10.0.0.1>", routes=routes), 0.2)
    [ack] = sent(list(actions))
    assert isinstance(ack, SipRequest)
    assert [uri_of(route) for route in every(ack.headers, "route")] == ["sip:192.0.2.4:5099;lr", "sip:near.example;lr"]
    assert ack.uri == "sip:room@10.0.0.1"
    assert isinstance(actions[0], Transmit)
    assert (actions[0].host, actions[0].port) == ("192.0.2.4", 5099)


def test_a_refusal_is_acknowledged_in_its_own_transaction() -> None:
    """The ACK of a refusal has the branch of the INVITE; said again, it is acknowledged again (section 17.1.1.3)."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    actions = call.receive(answer(invite, 486), 0.1)
    [ack] = sent(list(actions))
    assert first(ack.headers, "via") == first(invite.headers, "via")
    assert actions[-1] == Over("refused 486")
    assert len(sent(list(call.receive(answer(invite, 486), 0.6)))) == 1


def test_an_invite_without_any_answer_is_repeated_and_given_up() -> None:
    """Retransmissions double from half a second; after 32 seconds the call is over (section 17.1.1.2)."""
    call = make_call()
    call.start(0.0)
    times = []
    while (due := call.next_deadline()) is not None:
        actions = call.receive_time(due)
        times += [due for _ in sent(list(actions))]
    assert times == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert call.state is CallState.OVER


def test_hanging_up_while_it_rings_cancels() -> None:
    """A call that rings is cancelled in its transaction; the 487 that follows ends it (section 9)."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    assert call.hang_up(0.1) == []
    [cancel] = sent(list(call.receive(answer(invite, 180), 0.2)))
    assert isinstance(cancel, SipRequest)
    assert cancel.method == "CANCEL"
    assert first(cancel.headers, "via") == first(invite.headers, "via")
    assert first(cancel.headers, "cseq") == "1 CANCEL"
    assert call.receive(answer(cancel, 200), 0.3) == []
    assert call.receive(answer(invite, 487), 0.4)[-1] == Over("hung up")


def test_an_answer_that_crosses_the_cancel_is_hung_up() -> None:
    """Whoever answers in the moment of the CANCEL is acknowledged and then sent a BYE."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    call.receive(answer(invite, 180), 0.1)
    call.hang_up(0.2)
    requests = sent(list(call.receive(answer(invite, 200), 0.3)))
    assert [request.method for request in requests if isinstance(request, SipRequest)] == ["ACK", "BYE"]


def test_the_other_side_hangs_up() -> None:
    """Its BYE is answered to where it came from and ends the call; said again, it is answered again."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    call.receive(answer(invite, 200), 0.1)
    bye = SipRequest("BYE", "sip:engine@192.0.2.7:5070", [("via", "SIP/2.0/UDP x;branch=z9"), ("cseq", "7 BYE")])
    actions = call.receive(bye, 1.0)
    [reply] = sent(list(actions))
    assert isinstance(reply, SipResponse)
    assert (reply.status, first(reply.headers, "cseq")) == (200, "7 BYE")
    assert actions[-1] == Over("the other side hung up")
    assert [type(action) for action in call.receive(bye, 1.5)] == [Reply]


def test_ringing_for_too_long_is_given_up() -> None:
    """A telephone that nobody answers is cancelled after a minute."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    call.receive(answer(invite, 180), 0.1)
    assert call.next_deadline() == 60.0
    [cancel] = sent(list(call.receive_time(60.0)))
    assert isinstance(cancel, SipRequest)
    assert cancel.method == "CANCEL"


@given(st.binary(max_size=300))
def test_any_datagram_is_read_or_refused(data: bytes) -> None:
    """Whatever arrives is a message or a SipError, never anything else."""
    with contextlib.suppress(SipError):
        parse(data)


@given(
    st.lists(
        st.sampled_from(["start", "100", "180", "200", "404", "487", "bye", "invite", "hang up", "time"]), max_size=30
    ),
    st.integers(min_value=0, max_value=2**32),
)
def test_a_call_ends_once_whatever_happens(events: list[str], seed: int) -> None:
    """In any order of events a call says at most once that it is over, and nothing is due afterwards."""
    call = make_call()
    [invite] = sent(list(call.start(0.0)))
    assert isinstance(invite, SipRequest)
    now, over = 0.0, 0
    for event in events:
        now += (seed % 7) / 3 + 0.01
        match event:
            case "hang up":
                actions = call.hang_up(now)
            case "time":
                now = max(now, call.next_deadline() or now)
                actions = call.receive_time(now)
            case "bye" | "invite":
                actions = call.receive(SipRequest(event.upper(), "sip:engine@h", [("cseq", "9 X")], ANSWER), now)
            case "start":
                continue
            case _:
                actions = call.receive(answer(invite, int(event)), now)
        over += sum(isinstance(action, Over) for action in actions)
        sent(list(actions))
    while (due := call.next_deadline()) is not None:
        over += sum(isinstance(action, Over) for action in call.receive_time(due))
    assert over <= 1
    assert (over == 1) == (call.state is CallState.OVER)


@pytest.mark.parametrize(
    ("uri", "place"),
    [
        ("sip:a@example.com", ("example.com", 5060)),
        ("sip:a@example.com:5070;transport=udp", ("example.com", 5070)),
        ("sip:[2001:db8::1]:5071", ("2001:db8::1", 5071)),
        ("sip:a@example.com:99999", None),
        ("tel:123", None),
    ],
)
def test_where_an_address_leads(uri: str, place: tuple[str, int] | None) -> None:
    """Host and port of a SIP address, 5060 when it names none (section 19.1.2)."""
    assert host_of(uri) == place


def test_headers_may_be_short_folded_or_lists() -> None:
    """Compact names, continuation lines and comma lists mean the same as the long form (section 7.3)."""
    message = parse(b'SIP/2.0 200 OK\r\nv: a,\r\n b\r\nm: "A, B" <sip:x@y,z>, <sip:q>\r\nl: 2\r\n\r\nhello')
    assert every(message.headers, "via") == ["a", "b"]
    assert every(message.headers, "contact") == ['"A, B" <sip:x@y,z>', "<sip:q>"]
    assert message.body == b"he"
