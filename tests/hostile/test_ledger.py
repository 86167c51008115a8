"""What reaches the ledger is mirrored or set aside, whatever it is: nothing is passed over and nothing is guessed."""

from datetime import date

from tests.hostile.conftest import Front

NIGHT = date(2026, 1, 6)


def test_a_line_that_the_ledger_cannot_read_is_set_aside_and_not_passed_over(front: Front) -> None:
    night = front.night
    feed = night.erp.feeds["customers"]
    records = [b'{"number": "half\\ud83d"}', b'{"number": "1"', b'{"number": NaN}', b"\xff\xfe"]
    spool = night.landing.land("erp", "customers", NIGHT, night.clock.now(), [records])
    known = front.ledger()
    mirrored = night.ledger.mirror("erp", NIGHT, night.clock.now(), [(feed, [spool])], {})
    assert [aside.n for aside in mirrored.set_aside] == [1, 2, 3, 4]
    assert front.ledger() == known
