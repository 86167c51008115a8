"""The suspense account, its payment method and the voucher accounts, against the ERP's own registers."""

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from cloudcollect_pipeline.doctor.check import Check, error, ok, warning
from cloudcollect_pipeline.erp.port import CashAccount, Erp, LedgerAccount, PaymentMethod, Period
from cloudcollect_pipeline.settings import AccountSettings, CompanySettings, ErpSettings

VOUCHER_ACCOUNTS = (
    "payout_clearing",
    "interest_income",
    "fee_income",
    "commission_cost",
    "expense_cost",
    "input_vat",
    "rounding",
)
"""Settings of `accounts` that name a general-ledger account."""


def suspense(erp: Erp, settings: CompanySettings) -> Iterator[Check]:
    """The three facts without which no agency payment can be posted: three reads, whatever is set up."""
    account = suspense_account(erp.accounts(), settings.erp)
    yield account
    yield cash_account(erp.cash_accounts(), settings, compare=account.state == "ok")
    yield payment_method(erp.payment_methods(), settings.erp)


def suspense_account(accounts: Iterable[LedgerAccount], settings: ErpSettings) -> Check:
    """The general-ledger account that agency payments are booked on."""
    name, number = "suspense account", settings.suspense_account
    account = _usable(name, number, "erp.suspense_account", accounts)
    if isinstance(account, Check):
        return account
    if not account.cash:
        return error(
            name,
            f"account {number} is an ordinary account, not a cash account: no customer payment can be posted on it",
            f"make a cash account (payment account) of {number} in cash management, in the currency of the books",
        )
    return ok(name, f"account {number} is an active cash account")


def cash_account(cash_accounts: Iterable[CashAccount], settings: CompanySettings, *, compare: bool = True) -> Check:
    """The cash account that payments name, and that it is the one of the suspense account (if that one is right)."""
    name, number = "suspense cash account", settings.erp.suspense_cash_account
    known = {account.number: account for account in cash_accounts}
    found = known.get(number)
    if found is None:
        return error(
            name,
            f"there is no cash account {number}{_near(number, known)}",
            f"make cash account {number} in cash management, or correct erp.suspense_cash_account",
        )
    if compare and found.account and found.account != settings.erp.suspense_account:
        return error(
            name,
            f"cash account {number} stands on account {found.account}, not on {settings.erp.suspense_account}",
            f"name account {found.account} as erp.suspense_account if the agency's money is to stand there, "
            "or name another cash account as erp.suspense_cash_account",
        )
    if found.currency and found.currency != settings.currency:
        return error(
            name,
            f"cash account {number} is kept in {found.currency}, the books in {settings.currency}",
            f"make a cash account in {settings.currency} and name it as erp.suspense_cash_account",
        )
    return ok(name, f"cash account {number}, on account {found.account or 'that the ERP does not tell'}")


def payment_method(methods: Iterable[PaymentMethod], settings: ErpSettings) -> Check:
    """The payment method itself. Whether it is allowed on the cash account is `allowed`."""
    name, wanted = "payment method", settings.payment_method
    known = {method.id: method for method in methods}
    method = known.get(wanted)
    if method is None:
        return error(
            name,
            f"there is no payment method {wanted}{_near(wanted, known)}",
            f"make payment method {wanted} for the customer ledger, or correct erp.payment_method",
        )
    if not method.active:
        return error(name, f"payment method {wanted} is inactive", f"tick Active on payment method {wanted}")
    return ok(name, f"payment method {wanted} is active")


def allowed(pairs: Iterable[tuple[str, str]], refusal: str | None, settings: ErpSettings) -> Check:
    """Whether the payment method may be used on the cash account: no register tells, but payments and a probe do.

    `pairs` are seen on payments. `refusal` is what `doctor --write-probe` met: None never tried, empty accepted.
    """
    name, method, account = (
        "payment method on the cash account",
        settings.payment_method,
        settings.suspense_cash_account,
    )
    mend = (
        f"list cash account {account} among the allowed cash accounts of payment method {method} "
        "(payment methods, tab for the customer ledger), or name another as erp.payment_method"
    )
    if (method, account) in pairs:
        return ok(name, f"payments with method {method} stand on cash account {account}")
    if refusal == "":
        return ok(name, f"a payment with method {method} on cash account {account} was accepted by --write-probe")
    if refusal:
        return error(name, f"the ERP refused method {method} on cash account {account}: {refusal}", mend)
    others = sorted({used for used, on in pairs if on == account and used})
    seen = f"; payments on it use method {', '.join(others)}" if others else ""
    return warning(name, f"nothing shows that method {method} is allowed on cash account {account}{seen}", mend)


def voucher_accounts(accounts: Iterable[LedgerAccount], settings: AccountSettings) -> list[Check]:
    """The accounts of the settlement voucher, now and after every change to come: one check, or one per mistake."""
    name, accounts, wrong = "voucher accounts", list(accounts), []
    for number, used_as in _used(settings).items():
        where = " and ".join(f"accounts.{setting}" for setting in used_as)
        account = _usable(name, number, where, accounts)
        if isinstance(account, Check):
            wrong.append(account)
        elif account.control:
            mend = f"name an account that takes manual entries as {where}, or allow them on {number}"
            wrong.append(error(name, f"account {number} ({where}) takes no manual entries", mend))
    return wrong or [ok(name, f"{len(_used(settings))} accounts are active and take entries")]


def _usable(name: str, number: str, setting: str, accounts: Iterable[LedgerAccount]) -> LedgerAccount | Check:
    """The account that a setting names, or the mistake: it is not there, or inactive."""
    known = {account.number: account for account in accounts}
    account = known.get(number)
    if account is None:
        found = f"account {number} ({setting}) is not in the chart of accounts{_near(number, known)}"
        return error(name, found, f"create account {number}, or correct {setting}")
    if not account.active:
        mend = f"tick Active on account {number} in the chart of accounts, or name another as {setting}"
        return error(name, f"account {number} ({setting}) is inactive", mend)
    return account


def _used(settings: AccountSettings) -> dict[str, list[str]]:
    """Account number -> the settings that name it."""
    used: dict[str, list[str]] = {}
    for terms in (settings, *settings.changes):
        for setting in VOUCHER_ACCOUNTS:
            number = getattr(terms, setting)
            if number and setting not in used.setdefault(number, []):
                used[number].append(setting)
    return used


def current_period(periods: Sequence[Period], today: date) -> Check:
    """Whether anything can be posted today."""
    name = "period"
    found = next((period for period in periods if period.start <= today <= period.end), None)
    if found is None:
        return error(name, f"there is no financial period for {today}", "make the financial year's periods in the ERP")
    if found.open:
        return ok(name, f"period {found.period} is open")
    later = next((period.period for period in periods if period.start > today and period.open), None)
    instead = f"; postings would be dated in {later}" if later else ", and no later one is open"
    return error(
        name,
        f"the current period {found.period} is closed{instead}",
        f"open period {found.period} in the customer ledger, in cash management and in the general ledger",
    )


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, list(known), n=1)
    return f" (is {found[0]} meant?)" if found else ""
