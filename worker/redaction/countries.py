"""Two-letter codes of countries, ISO 3166-1, in lower case."""

from __future__ import annotations

import re
from typing import Final

from stdnum import numdb

from worker.redaction.lexicon import words_of

COUNTRIES: Final = words_of(
    """
    ad ae af ag ai al am ao ar as at au aw ax az ba bb bd be bf bg bh bi bj bl bm bn bo bq br bs bt bw by bz ca cc cd
    cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er es et fi fj fk fm fo fr ga gb gd
    ge gf gg gh gi gl gm gn gp gq gr gt gu gw gy hk hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki
    km kn kp kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mf mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw
    mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr ps pt pw py qa re ro rs ru rw sa sb
    sc sd se sg sh si sj sk sl sm sn so sr ss st sv sx sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug us
    uy uz va vc ve vg vi vn vu wf ws xk ye yt za zm zw
 """
)


def _iban_length(country: str) -> int | None:
    """Letters and digits of an account number, by the registry of SWIFT; None where there are none."""
    entry: dict[str, str] = _REGISTRY.info(country.upper())[0][1]
    parts = [int(part) for part in re.findall(r"(\d+)!", entry.get("bban", ""))]
    return 4 + sum(parts) if parts else None


_REGISTRY: Final = numdb.get("iban")
IBAN_LENGTHS: Final = {country: length for country in COUNTRIES if (length := _iban_length(country)) is not None}
"""Countries that use international bank account numbers, and how long theirs are."""
