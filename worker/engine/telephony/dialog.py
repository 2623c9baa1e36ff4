"""One outgoing call: the client side of INVITE, what happens within it, and its end. RFC 3261 over UDP. Pure.

    CALLING ──1xx──> RINGING ──2xx──> UP ──BYE──> OVER
       └──────────────2xx─────────────^ │
       └──timeout, refusal──> OVER      └──hang_up──> LEAVING ──answer, timeout──> OVER

Not supported: authentication (a trunk has to know our address), TCP and TLS, early media, our own session timers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from worker.engine.telephony.sip import (
    SipMessage,
    SipRequest,
    SipResponse,
    encode,
    every,
    first,
    host_of,
    tag_of,
    uri_of,
)

# Section 17.1.1.1: the estimate of a round trip, the longest time between retransmissions, the end of all patience.
T1_SECONDS = 0.5
T2_SECONDS = 4.0
PATIENCE_SECONDS = 64 * T1_SECONDS
_ALLOW = "INVITE, ACK, CANCEL, BYE, OPTIONS"
_AGENT = "symbl-engine"


class CallState(Enum):
    CALLING = 0
    RINGING = 1
    UP = 2
    LEAVING = 3
    OVER = 4


@dataclass(frozen=True, slots=True)
class Transmit:
    """Send a datagram to a host and port."""

    host: str
    port: int
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """Send a datagram to where the message that caused it came from."""

    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Media:
    """The other side takes part; ``sdp`` says where its audio goes and comes from. May come again."""

    sdp: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Over:
    """The call has ended; ``reason`` is one of a few words, without anybody's number."""

    reason: str


Action: TypeAlias = Transmit | Reply | Media | Over


@dataclass(slots=True)
class _Retry:
    """A request that is sent again until it is answered."""

    message: SipRequest
    next_at: float
    interval: float
    give_up_at: float


class OutgoingCall:
    """See the module's description. Inputs return what is to be done, in order; ``now`` is a steady clock in seconds.

    Args:
        target: ``sip:`` address that is called.
        next_hop: Host and port the INVITE is sent to.
        local: Our SIP host and port as others see them.
        sdp: Our offer.
        call_id: Unique, also the name of the call in every message.
        new_token: Makes unique tokens for tags and branches.
        ring_seconds: How long the other side may take to answer.
    """

    def __init__(
        self,
        *,
        target: str,
        next_hop: tuple[str, int],
        local: tuple[str, int],
        sdp: bytes,
        call_id: str,
        new_token: Callable[[], str],
        ring_seconds: float = 60.0,
    ) -> None:
        self.call_id = call_id
        self.state = CallState.CALLING
        self._target = target
        self._hop = next_hop
        self._invite_hop = next_hop
        host = f"[{local[0]}]" if ":" in local[0] else local[0]
        self._local = f"{host}:{local[1]}"
        self._sdp = sdp
        self._new_token = new_token
        self._ring_seconds = ring_seconds
        self._from = f"<sip:engine@{self._local}>;tag={new_token()}"
        self._to = f"<{target}>"
        self._routes: list[str] = []
        self._sequence = 1
        self._branch = ""
        self._retry: _Retry | None = None
        self._ring_until: float | None = None
        self._ack: Transmit | None = None
        self._hanging_up = False
        self._cancelled = False

    def __repr__(self) -> str:
        return f"<OutgoingCall {self.state.name}>"

    # --- inputs ------------------------------------------------------------------------------------------------------

    def start(self, now: float) -> list[Action]:
        self._ring_until = now + self._ring_seconds
        self._branch = self._new_branch()
        headers = [*self._common("INVITE", self._branch), ("Content-Type", "application/sdp")]
        invite = SipRequest("INVITE", self._target, headers, self._sdp)
        self._retry = _Retry(invite, now + T1_SECONDS, T1_SECONDS, now + PATIENCE_SECONDS)
        return [self._to_hop(invite)]

    def hang_up(self, now: float) -> list[Action]:
        """Ends the call from our side, in whatever state it is. Idempotent."""
        if self.state is CallState.UP:
            return self._bye(now)
        self._hanging_up = True
        # A request may only be cancelled once the other side has shown that it knows it (section 9.1).
        return self._cancel(now) if self.state is CallState.RINGING else []

    def receive(self, message: SipMessage, now: float) -> list[Action]:
        """A message with this call's id."""
        return self._answered(message, now) if isinstance(message, SipResponse) else self._asked(message)

    def receive_time(self, now: float) -> list[Action]:
        """Does what is due; see `next_deadline`."""
        if self._retry is not None and self._retry.give_up_at <= now:
            return self._end("no answer")
        actions: list[Action] = []
        if self._retry is not None and self._retry.next_at <= now:
            self._retry.interval = min(2 * self._retry.interval, PATIENCE_SECONDS if self._calling else T2_SECONDS)
            self._retry.next_at = now + self._retry.interval
            actions.append(self._to_hop(self._retry.message))
        if self._ring_until is not None and self._ring_until <= now:
            self._ring_until = None
            self._hanging_up = True
            if self.state is not CallState.RINGING:
                return [*actions, *self._end("no answer")]
            actions += self._cancel(now)
        return actions

    def next_deadline(self) -> float | None:
        """When `receive_time` has to be called next."""
        due = [self._ring_until] if self._ring_until is not None else []
        if self._retry is not None:
            due += [self._retry.next_at, self._retry.give_up_at]
        return min(due, default=None)

    # --- answers -----------------------------------------------------------------------------------------------------

    @property
    def _calling(self) -> bool:
        return self.state in (CallState.CALLING, CallState.RINGING)

    def _answered(self, response: SipResponse, now: float) -> list[Action]:
        sequence = (first(response.headers, "cseq") or "").split()
        if len(sequence) != 2:
            return []
        match sequence[1].upper():
            case "INVITE":
                return self._invite_answered(response, now)
            case "BYE" if self.state is CallState.LEAVING and response.status >= 200:
                return self._end("hung up")
            case "CANCEL" if response.status >= 200:
                # What counts is the answer to the INVITE itself.
                return []
        return []

    def _invite_answered(self, response: SipResponse, now: float) -> list[Action]:
        if not self._calling:
            # An ACK of ours was lost.
            return [self._ack] if self._ack is not None and response.status >= 200 else []
        if response.status < 200:
            if not self._cancelled:
                self._retry = None
            ringing = self.state is CallState.RINGING
            self.state = CallState.RINGING
            return self._cancel(now) if self._hanging_up and not ringing else []
        self._retry = None
        self._ring_until = None
        to = first(response.headers, "to")
        if to is not None and tag_of(to) is not None:
            self._to = to
        if response.status >= 300:
            # The ACK of a refusal belongs to the same transaction (section 17.1.1.3).
            ack = SipRequest("ACK", self._target, self._common("ACK", self._branch))
            self._ack = Transmit(*self._invite_hop, encode(ack))
            return [self._ack, *self._end("hung up" if self._hanging_up else f"refused {response.status}")]
        return self._take_up(response, now)

    def _take_up(self, response: SipResponse, now: float) -> list[Action]:
        contact = first(response.headers, "contact")
        self._target = (contact and uri_of(contact)) or self._target
        self._routes = [uri for route in reversed(every(response.headers, "record-route")) if (uri := uri_of(route))]
        self._hop = host_of(self._routes[0] if self._routes else self._target) or self._hop
        self.state = CallState.UP
        self._ack = self._to_hop(SipRequest("ACK", self._target, self._common("ACK", self._new_branch())))
        if self._hanging_up:
            return [self._ack, *self._bye(now)]
        return [self._ack, Media(response.body)]

    # --- requests ----------------------------------------------------------------------------------------------------

    def _asked(self, request: SipRequest) -> list[Action]:
        """A request of the other side within the call."""
        match request.method:
            case "BYE":
                answer = self._answer(request, 200, "OK")
                return [answer] if self.state is CallState.OVER else [answer, *self._end("the other side hung up")]
            case "INVITE" if self.state is CallState.UP:
                extra = (("Contact", f"<sip:engine@{self._local}>"), ("Content-Type", "application/sdp"))
                answer = self._answer(request, 200, "OK", extra, self._sdp)
                return [answer, Media(request.body)] if request.body else [answer]
            case "OPTIONS":
                return [self._answer(request, 200, "OK", (("Allow", _ALLOW),))]
            case "ACK":
                return []
        if self.state is CallState.OVER:
            return [self._answer(request, 481, "Call/Transaction Does Not Exist")]
        return [self._answer(request, 405, "Method Not Allowed", (("Allow", _ALLOW),))]

    def _answer(
        self,
        request: SipRequest,
        status: int,
        reason: str,
        extra: tuple[tuple[str, str], ...] = (),
        body: bytes = b"",
    ) -> Reply:
        return Reply(encode(answer_to(request, status, reason, extra, body)))

    # --- sending -----------------------------------------------------------------------------------------------------

    def _bye(self, now: float) -> list[Action]:
        self._sequence += 1
        self.state = CallState.LEAVING
        bye = SipRequest("BYE", self._target, self._common("BYE", self._new_branch()))
        self._retry = _Retry(bye, now + T1_SECONDS, T1_SECONDS, now + PATIENCE_SECONDS)
        return [self._to_hop(bye)]

    def _cancel(self, now: float) -> list[Action]:
        if self._cancelled:
            return []
        self._cancelled = True
        cancel = SipRequest("CANCEL", self._target, self._common("CANCEL", self._branch))
        self._retry = _Retry(cancel, now + T1_SECONDS, T1_SECONDS, now + PATIENCE_SECONDS)
        return [Transmit(*self._invite_hop, encode(cancel))]

    def _end(self, reason: str) -> list[Action]:
        self.state = CallState.OVER
        self._retry = None
        self._ring_until = None
        return [Over(reason)]

    def _common(self, method: str, branch: str) -> list[tuple[str, str]]:
        headers = [
            ("Via", f"SIP/2.0/UDP {self._local};branch={branch};rport"),
            ("Max-Forwards", "70"),
            *(("Route", f"<{route}>") for route in self._routes),
            ("From", self._from),
            ("To", self._to),
            ("Call-ID", self.call_id),
            ("CSeq", f"{self._sequence} {method}"),
            ("User-Agent", _AGENT),
        ]
        if method == "INVITE":
            headers += [("Contact", f"<sip:engine@{self._local}>"), ("Allow", _ALLOW)]
        return headers

    def _new_branch(self) -> str:
        # Section 8.1.1.7: the cookie tells that the branch is unique.
        return f"z9hG4bK{self._new_token()}"

    def _to_hop(self, message: SipRequest) -> Transmit:
        return Transmit(*self._hop, encode(message))


def answer_to(
    request: SipRequest, status: int, reason: str, extra: tuple[tuple[str, str], ...] = (), body: bytes = b""
) -> SipResponse:
    """A response, with the headers that section 8.2.6 says are to be copied."""
    names = {
        "via": "Via",
        "from": "From",
        "to": "To",
        "call-id": "Call-ID",
        "cseq": "CSeq",
        "record-route": "Record-Route",
    }
    copied = [(names[name], value) for name, value in request.headers if name in names]
    return SipResponse(status, reason, [*copied, *extra], body)
