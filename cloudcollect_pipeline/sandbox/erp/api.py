"""The Visma.net contract over the books of several companies, as a pure handler.

Strict where the vendor is lenient: a field or parameter that the vendor's description does not have is refused, so
that a client's typing error cannot hide. Same calls in the same order give the same bytes.
"""

import base64
import binascii
import hashlib
import operator
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl
from uuid import UUID

from cloudcollect_pipeline.sandbox.erp import dto, wire
from cloudcollect_pipeline.sandbox.erp.books import ErpCompany, Line
from cloudcollect_pipeline.sandbox.erp.contract import (
    BATCH_STATUSES,
    CUSTOMER_PARAMETERS,
    CUSTOMER_STATUSES,
    DOCUMENT_PARAMETERS,
    DOCUMENT_STATUSES,
    DOCUMENT_TYPES,
    INVOICE_FIELDS,
    JOURNAL_PARAMETERS,
    PAYMENT_FIELDS,
    PAYMENT_LINE_FIELDS,
    PAYMENT_PARAMETERS,
    REGISTER_PARAMETERS,
    TRANSACTION_PARAMETERS,
    VOUCHER_FIELDS,
    VOUCHER_LINE_FIELDS,
)
from cloudcollect_pipeline.sandbox.erp.documents import (
    RECEIPTS,
    RECEIVABLES,
    BooksError,
    Customer,
    Document,
    DocumentType,
)
from cloudcollect_pipeline.sandbox.erp.ledger import Batch, Entry, GlLine
from cloudcollect_pipeline.sandbox.erp.queries import ModifiedFilter, Query
from cloudcollect_pipeline.sandbox.erp.wire import BadRequest, Fields, T
from cloudcollect_pipeline.sandbox.http import Request, Response

ORIGIN = "https://api.finance.visma.net"
TOKEN_SECONDS = 3600
SCOPES = frozenset(f"vismanet_erp_service_api:{right}" for right in ("read", "create", "update", "delete"))

UNFILTERED_PAYMENTS = (
    DocumentType.PAYMENT,
    DocumentType.PREPAYMENT,
    DocumentType.VOID_PAYMENT,
    DocumentType.REFUND,
)
PAYMENT_TYPES = (*UNFILTERED_PAYMENTS, DocumentType.CREDIT_NOTE, DocumentType.WRITE_OFF)

TEXT_LENGTH = 50
"""Characters in the text of a payment."""

SECONDS_IN_WINDOW = 3600
BACKGROUND = re.compile(r"subscription(:[^=,]+=[^=,]+(,[^=,]+=[^=,]+)*)?")
KEPT = timedelta(hours=24)
"""How long a job and its content can be asked for."""


class NotFound(Exception):
    """No such record."""


class Foreign(Exception):
    """A job of another company."""


class Stale(Exception):
    """If-Match names another version."""


Action = Callable[[ErpCompany, Request, str], Response]
"""What answers a route: company, request, the id in the path or an empty text."""


@dataclass(frozen=True)
class _Token:
    tenant: str
    scopes: frozenset[str]
    expires: datetime


@dataclass
class _Window:
    """Calls of one company in one hour of world time."""

    hour: datetime | None = None
    used: int = 0


@dataclass(frozen=True)
class _Route:
    method: str
    path: re.Pattern[str]
    handler: Action
    doing: str


@dataclass
class _Job:
    """A read that was asked for in the background; it is carried out when somebody looks after its time."""

    tenant: str
    received: datetime
    run: Callable[[], Response]
    uri: str
    answer: Response | None = None


@dataclass
class _Cache:
    """Written records by key; an entry counts while the versions it was made from stand."""

    entries: dict[object, tuple[object, str]] = field(default_factory=dict[object, tuple[object, str]])

    def get(self, key: object, versions: object, write: Callable[[], str]) -> str:
        known = self.entries.get(key)
        if known is not None and known[0] == versions:
            return known[1]
        written = write()
        self.entries[key] = (versions, written)
        return written


class ErpApi:
    """The ERP's HTTP side. `contract_tenants` get a token but no company, as the vendor's customer tenants do."""

    def __init__(
        self,
        companies: Mapping[str, ErpCompany],
        clock: Callable[[], datetime],
        client_id: str,
        client_secret: str,
        contract_tenants: Collection[str] = (),
    ) -> None:
        self.companies = companies
        self.calls = 0
        """Requests handled, tokens included."""
        self._clock = clock
        self._client_id = client_id
        self._client_secret = client_secret
        self._contract_tenants = contract_tenants
        self.granted_scopes = SCOPES
        """What the application was granted. A token is refused if it asks for more."""
        self.narrow_scopes = False
        """A token that asks for more is issued all the same, with what was granted: which is true is unknown."""
        self._tokens: dict[str, _Token] = {}
        self._windows: dict[str, _Window] = {}
        self._cache = _Cache()
        self._jobs: dict[str, _Job] = {}
        self._ids = 0
        self._routes = self._build_routes()

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        self.calls += 1
        path = request.path.rstrip("/")
        if path.lower() == "/connect/token":
            return self._token(request) if request.method == "POST" else _failure(405, "Method not allowed.")
        token = self._authorized(request)
        if token is None:
            return self._gateway_error(401, "12002", "The access token is missing, expired or unknown.")
        company = self.companies.get(token.tenant)
        if company is None:
            return self._gateway_error(401, "12027", "No license for this company.")
        limits, refused = self._count(company)
        answer = refused or self._route(company, request, path, token)
        shown = {"date": format_datetime(company.now(), usegmt=True)}
        return Response(answer.status, {**answer.headers, **limits, **shown}, answer.body)

    # Access

    def _token(self, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True))
        tenant, scopes = form.get("tenant_id", ""), frozenset(form.get("scope", "").split())
        if form.get("grant_type") != "client_credentials":
            return _json(400, wire.record({"error": wire.text("unsupported_grant_type")}))
        if (form.get("client_id"), form.get("client_secret")) != (self._client_id, self._client_secret):
            return _json(400, wire.record({"error": wire.text("invalid_client")}))
        if tenant not in self.companies and tenant not in self._contract_tenants:
            return _json(400, wire.record({"error": wire.text("invalid_tenant")}))
        if self.narrow_scopes:
            scopes &= self.granted_scopes
        if not scopes or not scopes <= self.granted_scopes:
            return _json(400, wire.record({"error": wire.text("invalid_scope")}))
        token = f"sandbox.{self._guid()}"
        self._tokens[token] = _Token(tenant, scopes, self._clock() + timedelta(seconds=TOKEN_SECONDS))
        return _json(
            200,
            wire.record(
                {
                    "access_token": wire.text(token),
                    "expires_in": str(TOKEN_SECONDS),
                    "token_type": wire.text("Bearer"),
                    "scope": wire.text(" ".join(sorted(scopes))),
                }
            ),
        )

    def _authorized(self, request: Request) -> _Token | None:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is not None and token.expires <= self._clock():
            self._tokens = {key: each for key, each in self._tokens.items() if each.expires > self._clock()}
            return None
        return token

    def _count(self, company: ErpCompany) -> tuple[dict[str, str], Response | None]:
        now = company.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        window = self._windows.setdefault(company.tenant, _Window())
        if window.hour != hour:
            window.hour, window.used = hour, 0
        limit = company.settings.rate_limit
        reset = str(SECONDS_IN_WINDOW - (now - hour).seconds)
        window.used += 1
        headers = {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - window.used)),
            "x-ratelimit-reset": reset,
            "x-ratelimit-policy": f"{limit}-fixed-window",
        }
        if company.settings.enforce_rate_limit and window.used > limit:
            body = wire.record({"message": wire.text("API calls quota exceeded.")})
            return headers, _json(429, body, {"retry-after": reset})
        return headers, None

    def _gateway_error(self, status: int, code: str, message: str) -> Response:
        return _json(
            status,
            wire.record(
                {
                    "ExceptionType": wire.text("IPPException"),
                    "ExceptionMessage": wire.text(message),
                    "ExceptionFaultCode": wire.text(code),
                    "ExceptionMessageID": wire.text(f"{code}_{self._guid()}"),
                    "ExceptionDetails": wire.text(""),
                }
            ),
        )

    def _guid(self) -> str:
        self._ids += 1
        return str(UUID(hashlib.sha256(f"cloudcollect-sandbox-{self._ids}".encode()).hexdigest()[:32]))

    # Routing

    def _build_routes(self) -> list[_Route]:
        def route(method: str, path: str, handler: Action, doing: str) -> _Route:
            pattern = re.escape(path).replace(r"\{id\}", "([^/]+)")
            return _Route(method, re.compile(pattern, re.IGNORECASE), handler, doing)

        documents = {
            "customerinvoice": DocumentType.INVOICE,
            "customerDebitNote": DocumentType.DEBIT_NOTE,
            "customerOverdueCharge": DocumentType.OVERDUE_CHARGE,
            "customerCreditNote": DocumentType.CREDIT_NOTE,
        }
        routes: list[_Route] = []
        for name, kind in documents.items():
            routes.append(route("GET", f"/v1/{name}", self._documents_of(kind), "reading documents"))
            routes.append(route("GET", f"/v1/{name}/{{id}}", self._document_of(kind), "reading document"))
            if kind is not DocumentType.OVERDUE_CHARGE:
                routes.append(route("GET", f"/v1/{name}/{{id}}/print", self._print_of(kind), "printing document"))
        voucher = "/v2/journaltransaction"
        return [
            *routes,
            route("PUT", "/v1/customerinvoice/{id}", self._update_invoice, "updating invoice"),
            route("GET", "/v1/customerPayment", self._payments, "reading payments"),
            route("POST", "/v1/customerPayment", self._create_payment, "creating payment"),
            route("GET", "/v1/customerPayment/{id}", self._payment, "reading payment"),
            route("PUT", "/v1/customerPayment/{id}", self._update_payment, "updating payment"),
            route("POST", "/v1/customerPayment/{id}/action/release", self._release_payment, "releasing payment"),
            route("POST", "/v1/customerPayment/{id}/action/void", self._void_payment, "voiding payment"),
            route("GET", "/v1/customer", self._customers, "reading customers"),
            route("GET", "/v1/customer/{id}", self._customer, "reading customer"),
            route("GET", "/v1/GeneralLedgerTransactions", self._transactions, "reading transactions"),
            route("GET", voucher, self._journal, "reading journal transactions"),
            route("POST", voucher, self._create_voucher, "creating journal transaction"),
            route("GET", f"{voucher}/{{id}}", self._voucher, "reading journal transaction"),
            route("POST", f"{voucher}/{{id}}/action/release", self._release_voucher, "releasing journal transaction"),
            route("GET", "/v1/background/{id}", self._state, "reading the state of a job"),
            route("GET", "/v1/background/{id}/content", self._content, "reading the content of a job"),
            route("GET", "/v1/financialPeriod", self._periods, "reading periods"),
            route("GET", "/v1/financialPeriod/{id}", self._period, "reading period"),
            route("GET", "/v1/cashaccount", self._cash_accounts, "reading cash accounts"),
            route("GET", "/v1/cashaccount/{id}", self._cash_account, "reading cash account"),
            route("GET", "/v1/paymentmethod", self._payment_methods, "reading payment methods"),
            route("GET", "/v1/paymentmethod/{id}", self._payment_method, "reading payment method"),
            route("GET", "/v1/account", self._accounts, "reading accounts"),
            route("GET", "/v1/account/{id}", self._account, "reading account"),
        ]

    def _route(self, company: ErpCompany, request: Request, path: str, token: _Token) -> Response:
        matches = [(route, match) for route in self._routes if (match := route.path.fullmatch(path))]
        if not matches:
            return _failure(404, "No resource was found that matches the request.")
        found = next(((route, match) for route, match in matches if route.method == request.method), None)
        if found is None:
            return _failure(405, f"The resource does not support http method '{request.method}'.")
        rights = {"GET": {"read"}, "POST": {"create", "update"}, "PUT": {"update"}}[request.method]
        if not any(f"vismanet_erp_service_api:{right}" in token.scopes for right in rights):
            return _failure(403, "The token lacks the scope for this call.")
        route, match = found
        key = _decoded(match.group(1)) if match.groups() else ""
        wanted = request.headers.get("erp-api-background", "none")
        if wanted == "none":
            return self._answer(company, request, route, key)
        if request.method != "GET" or not BACKGROUND.fullmatch(wanted):
            return _failure(400, "The sandbox takes reads with 'subscription' in the background, and nothing else.")
        name = self._guid()
        self._jobs[name] = _Job(
            company.tenant, company.now(), lambda: self._answer(company, request, route, key), request.path
        )
        location = f"{_origin(request)}/v1/background/{name}"
        return _json(202, wire.record({"id": wire.text(name), "stateLocation": wire.text(location)}))

    def _answer(self, company: ErpCompany, request: Request, route: _Route, key: str) -> Response:
        company.finish_queued()
        try:
            return route.handler(company, request, key)
        except BadRequest as error:
            return _failure(400, str(error))
        except NotFound as error:
            return _failure(404, str(error))
        except Foreign:
            return _failure(403, "The background operation was requested by another company.")
        except Stale:
            return _failure(412, "The resource has been changed by another request.")
        except BooksError as error:
            message = f"VismaId: {self._guid()}. Error {route.doing}. Error: {error}"
            return _failure(company.settings.business_error_status, message)

    # Background

    def _job(self, company: ErpCompany, name: str) -> _Job:
        job = _found(self._jobs.get(name), name)
        if job.tenant != company.tenant:
            raise Foreign
        if job.answer is None and company.now() >= job.received + timedelta(
            seconds=company.settings.background_seconds
        ):
            job.answer = job.run()
        return job

    def _state(self, company: ErpCompany, request: Request, name: str) -> Response:
        job = self._job(company, name)
        if company.now() - job.received > KEPT:
            raise NotFound("No background operation state was found.")
        answer = job.answer
        done = answer is not None and answer.status < 300
        location = f"{_origin(request)}/v1/background/{name}/content"
        return _json(
            200,
            wire.record(
                {
                    "id": wire.text(name),
                    "status": wire.text("Started" if answer is None else "Finished" if done else "Failed"),
                    "statusCode": wire.NULL if answer is None else str(answer.status),
                    "receivedUtc": wire.text(f"{job.received:%Y-%m-%dT%H:%M:%S}"),
                    "errorMessage": wire.NULL if answer is None or done else wire.text("The operation failed."),
                    "originalUri": wire.text(job.uri),
                    "hasResponseContent": wire.flag(done),
                    "contentLocation": wire.text(location) if done else wire.NULL,
                }
            ),
        )

    def _content(self, company: ErpCompany, request: Request, name: str) -> Response:
        job = self._job(company, name)
        if company.now() - job.received > KEPT:
            return _failure(410, "State for background operation has been removed after 24 hours.")
        if job.answer is None:
            raise NotFound("No background operation response content was found.")
        return job.answer

    # Receivables and credit notes

    def _documents_of(self, kind: DocumentType) -> Action:
        def read(company: ErpCompany, request: Request, _: str) -> Response:
            query = Query(request, DOCUMENT_PARAMETERS)
            settings = company.settings
            expand = frozenset(name for name in dto.ALL_EXPANDED if query.flag(name))
            modified = query.moments("lastModifiedDateTime", settings.zone)
            created = query.moments("createdDateTime", settings.zone)
            on, due = query.days("documentDate"), query.days("documentDueDate")
            dunned = query.days("dunningLetterDateTime")
            released, level = query.whole("released"), query.whole("dunningLevel")
            status, kid = query.word("status", DOCUMENT_STATUSES), query.text("paymentReference")
            period = query.text("financialPeriod")
            after, wanted = query.text("greaterThanValue"), query.word("documentType", DOCUMENT_TYPES)
            reached = operator.ge if settings.dunning_filter_from else operator.eq
            if query.text("externalReference") or query.text("customerRefNumber") or wanted not in (None, kind):
                return _page(query, [], settings.max_page_size, str)
            found = [
                document
                for document in _candidates(company, (kind,), query.text("customer"), modified and modified.earliest)
                if (modified is None or modified(document.modified_at))
                and (created is None or created(document.created_at))
                and (on is None or on(document.on))
                and (due is None or due(document.due))
                and (dunned is None or dunned(document.dunning_date))
                and (released is None or bool(released) is document.released)
                and (level is None or reached(document.dunning_level, level))
                and (status is None or document.status == status)
                and (period is None or document.period == period)
                and (kid is None or document.kid == kid)
                and (after is None or document.number > after)
            ]
            _order(found, company)
            return _page(query, found, settings.max_page_size, lambda each: self._written(company, each, expand))

        return read

    def _document_of(self, kind: DocumentType) -> Action:
        def read(company: ErpCompany, request: Request, number: str) -> Response:
            Query(request, dto.ALL_EXPANDED)
            document = _found(company.find(kind, number), number)
            left_out = company.settings.left_out_by_number
            return _single(self._written(company, document, dto.ALL_EXPANDED, left_out), document.revision)

        return read

    def _print_of(self, kind: DocumentType) -> Action:
        def read(company: ErpCompany, request: Request, number: str) -> Response:
            document = _found(company.find(kind, number), number)
            return Response(200, {"content-type": "application/pdf"}, dto.pdf(document))

        return read

    def _update_invoice(self, company: ErpCompany, request: Request, number: str) -> Response:
        document = _found(company.find(DocumentType.INVOICE, number), number)
        _require_match(request, document.revision)
        body = Fields.parse(request.body, INVOICE_FIELDS)
        if document.status in company.settings.frozen_statuses:
            raise BooksError(f"Document status of '{number}' is invalid for processing.")
        due, excluded, revoked = body.day("documentDueDate"), body.flag("excludeDebtCollection"), body.flag("revoked")
        kid, text = body.text("paymentReference"), body.text("invoiceText")
        case = [body.text(f"debtCollectionCase{part}") for part in ("Nbr", "Status", "Type", "Url")]
        document.due = document.due if due is None else due
        document.excluded = document.excluded if excluded is None else excluded
        document.revoked = document.revoked if revoked is None else revoked
        document.kid = document.kid if kid is None else kid
        document.text = document.text if text is None else text
        company.set_case(document, *case)
        return Response(204)

    def _written(
        self,
        company: ErpCompany,
        document: Document,
        expand: frozenset[str],
        left_out: frozenset[str] = frozenset(),
    ) -> str:
        return self._cache.get(
            (company.tenant, document.type, document.number, expand, left_out),
            (id(document), document.version, document.customer.version),
            lambda: dto.receivable(document, company.settings, expand, left_out),
        )

    # Payments

    def _payments(self, company: ErpCompany, request: Request, _: str) -> Response:
        query = Query(request, PAYMENT_PARAMETERS)
        settings = company.settings
        company.note_read()
        kinds = _payment_types(query.text("paymentType"), settings.unfiltered_payments)
        modified = query.moments("lastModifiedDateTime", settings.zone)
        on = query.days("docDate")
        number, status = query.text("paymentNbr"), query.word("status", DOCUMENT_STATUSES)
        period = query.text("financialPeriod")
        invoice, after = query.text("invoiceRefNbr"), query.text("greaterThanValue")
        if invoice is not None:
            candidates: Iterable[Document] = _paying(company, invoice, settings.invoice_filter_sees_unreleased)
        elif number is not None:
            candidates = [each for kind in kinds if (each := company.find(kind, number)) is not None]
        else:
            candidates = _candidates(company, kinds, query.text("customer"), modified and modified.earliest)
        customer = query.text("customer")
        found = [
            document
            for document in candidates
            if document.type in kinds
            and (modified is None or modified(document.modified_at))
            and (on is None or on(document.on))
            and (number is None or document.number == number)
            and (customer is None or document.customer.number == customer)
            and (status is None or document.status == status)
            and (period is None or document.period == period)
            and (after is None or document.number > after)
        ]
        _order(found, company)
        return _page(query, found, settings.max_page_size, lambda each: self._written_payment(company, each))

    def _payment(self, company: ErpCompany, request: Request, number: str) -> Response:
        Query(request, frozenset())
        documents = [each for kind in PAYMENT_TYPES if (each := company.find(kind, number)) is not None]
        for document in documents:
            company.note_read(document)
        document = _found(documents[0] if documents else None, number)
        return _single(self._written_payment(company, document), document.revision)

    def _create_payment(self, company: ErpCompany, request: Request, _: str) -> Response:
        body = Fields.parse(request.body, PAYMENT_FIELDS)
        for name in ("ordersToApply", "financeCharges"):
            if name in body.names():
                raise BadRequest(f"The sandbox does not know '{name}'.")
        kind = _payment_type(_required(body.text("type"), "type"))
        text = body.text("invoiceText") or ""
        if len(text) > TEXT_LENGTH:
            raise BooksError(f"The text is longer than {TEXT_LENGTH} characters.")
        overridden = bool(body.flag("overrideNumberSeries"))
        on = body.day("applicationDate")
        period = body.text("applicationPeriod")
        if period is not None and period != f"{on or company.today():%Y%m}":
            raise BooksError("The financial period does not match the date.")
        payment = company.draft_payment(
            _required(body.text("customer"), "customer"),
            _required(body.money("paymentAmount"), "paymentAmount"),
            [_payment_line(company, line) for line in body.rows("paymentLines", PAYMENT_LINE_FIELDS)],
            on,
            _required(body.text("cashAccount"), "cashAccount"),
            _required(body.text("paymentRef"), "paymentRef"),
            payment_method=body.text("paymentMethod"),
            currency=body.text("currency") or "NOK",
            text=text,
            document_type=kind,
            hold=bool(body.flag("hold")),
            number=body.text("referenceNumber") if overridden else None,
        )
        return _created(request, f"/v1/customerPayment/{payment.number}", payment.revision)

    def _update_payment(self, company: ErpCompany, request: Request, number: str) -> Response:
        payment = _found(_receipt(company, number), number)
        _require_match(request, payment.revision)
        body = Fields.parse(request.body, PAYMENT_FIELDS)
        for name in sorted(body.names() - {"hold", "paymentRef"}):
            raise BadRequest(f"The sandbox does not change '{name}'.")
        hold, reference = body.flag("hold"), body.text("paymentRef")
        if hold is not None:
            company.hold(payment, hold)
        if reference is not None:
            if payment.released:
                raise BooksError(f"Document status of '{number}' is invalid for processing.")
            company.set_reference(payment, reference)
        return Response(204)

    def _release_payment(self, company: ErpCompany, request: Request, number: str) -> Response:
        kind = _payment_type(_required(Fields.parse(request.body, frozenset({"type"})).text("type"), "type"))
        document = _found(company.find(kind, number), number)
        _require_match(request, document.revision)
        company.queue_release(document)
        return self._queued()

    def _void_payment(self, company: ErpCompany, request: Request, number: str) -> Response:
        body = Fields.parse(request.body, frozenset({"type", "returnVoidPayment"}))
        kind = _payment_type(_required(body.plain_text("type"), "type"))
        document = _found(company.find(kind, number), number)
        _require_match(request, document.revision)
        voiding = company.void(document) if company.settings.void_releases else company.start_void(document)
        shown = self._written_payment(company, voiding) if body.plain_flag("returnVoidPayment") else wire.NULL
        return _json(
            200,
            wire.record(
                {
                    "type": wire.text(kind),
                    "refNbr": wire.text(number),
                    "voidPayment": shown,
                    "actionId": wire.text(self._guid()),
                    "actionResult": wire.text("Done"),
                    "errorInfo": wire.NULL,
                }
            ),
        )

    def _written_payment(self, company: ErpCompany, document: Document) -> str:
        return self._cache.get(
            (company.tenant, "payment", document.type, document.number),
            (id(document), document.version, document.customer.version),
            lambda: dto.payment(document, company.settings),
        )

    def _queued(self) -> Response:
        return _json(
            200,
            wire.record(
                {
                    "actionId": wire.text(self._guid()),
                    "actionResult": wire.text("Queued"),
                    "errorInfo": wire.NULL,
                }
            ),
        )

    # Customers

    def _customers(self, company: ErpCompany, request: Request, _: str) -> Response:
        query = Query(request, CUSTOMER_PARAMETERS)
        settings = company.settings
        modified = query.moments("lastModifiedDateTime", settings.zone)
        created = query.moments("createdDateTime", settings.zone)
        since = modified and modified.earliest
        status, number = query.word("status", CUSTOMER_STATUSES), query.text("corporateId")
        name = query.text("name")
        email, phone, after = query.text("email"), query.text("phone"), query.text("greaterThanValue")
        cards = company.customers.values() if since is None else company.customers_changed_since(since)
        found = [
            card
            for card in cards
            if (modified is None or modified(card.modified_at))
            and (created is None or created(card.created_at))
            and (status is None or card.status == status)
            and (number is None or card.organisation_number == number)
            and (name is None or card.name == name)
            and (email is None or card.email == email)
            and (phone is None or card.phone == phone)
            and (after is None or card.number > after)
        ]
        if settings.order_by_modified:
            found.sort(key=lambda card: (card.modified_at, card.number))
        else:
            found.sort(key=lambda card: card.number)
        return _page(query, found, settings.max_page_size, lambda card: self._written_customer(company, card))

    def _customer(self, company: ErpCompany, request: Request, number: str) -> Response:
        card = _found(company.customers.get(number), number)
        return _single(self._written_customer(company, card), card.version)

    def _written_customer(self, company: ErpCompany, card: Customer) -> str:
        return self._cache.get(
            (company.tenant, "customer", card.number), card.version, lambda: dto.customer(card, company.settings)
        )

    # General ledger

    def _transactions(self, company: ErpCompany, request: Request, _: str) -> Response:
        query = Query(request, TRANSACTION_PARAMETERS)
        settings = company.settings
        _required(query.text("ledger"), "ledger")
        modified = query.moments("lastModifiedDateTime", settings.zone)
        account, start, end = query.text("account"), query.day("fromDate"), query.day("toDate")
        first, last = query.text("fromPeriod"), query.text("toPeriod")
        lines = company.ledger.journal if account is None else company.ledger.lines_of(account)
        found = [
            line
            for line in lines
            if (start is None or line.batch.on >= start)
            and (end is None or line.batch.on <= end)
            and (first is None or line.batch.period >= first)
            and (last is None or line.batch.period <= last)
            and (modified is None or modified(line.batch.modified_at))
        ]
        found.sort(key=lambda line: (line.batch.on, line.batch.module, line.batch.number, line.line))
        return _page(
            query,
            found,
            settings.max_page_size,
            lambda line: dto.gl_transaction(line, company.accounts[line.account], settings),
        )

    def _journal(self, company: ErpCompany, request: Request, _: str) -> Response:
        query = Query(request, JOURNAL_PARAMETERS)
        settings = company.settings
        company.note_read()
        period, since = query.text("periodId"), query.text("lastModifiedDateTime")
        if period is None and since is None:
            raise BadRequest("periodId or lastModifiedDateTime must be given.")
        module, status = query.text("module"), query.word("status", BATCH_STATUSES)
        posted = query.flag("releasedBatch")
        modified = None if since is None else ModifiedFilter(wire.parse_moment(since), operator.ge, settings.zone)
        batches = company.ledger.changed_since(modified and modified.earliest)
        found: list[GlLine] = []
        for batch in sorted(batches, key=lambda each: (each.module, each.number)):
            if (
                (modified is None or modified(batch.modified_at))
                and (period is None or batch.period == period)
                and (module is None or batch.module == module)
                and (status is None or batch.status == status)
                and (posted is None or batch.posted is posted)
            ):
                found += batch.lines
        page = query.page(found, settings.max_page_size)
        cut: dict[str, list[GlLine]] = {}
        for line in page:
            cut.setdefault(line.batch.number, []).append(line)
        items = [dto.journal_transaction(lines[0].batch, lines, settings) for lines in cut.values()]
        return _list(items, len(found), settings.max_page_size)

    def _voucher(self, company: ErpCompany, request: Request, number: str) -> Response:
        batch = _batch(company, number)
        company.note_read(batch)
        return _single(dto.journal_transaction(batch, batch.lines, company.settings), batch.revision)

    def _create_voucher(self, company: ErpCompany, request: Request, _: str) -> Response:
        body = Fields.parse(request.body, VOUCHER_FIELDS)
        currency = body.text("currencyId") or "NOK"
        if currency != "NOK":
            raise BooksError(f"CuryID '{currency}' is not supported for journal transactions.")
        on = body.day("transactionDate") or company.today()
        period, post_period = body.text("financialPeriod"), body.text("postPeriod")
        if period not in (None, f"{on:%Y%m}") or post_period not in (None, f"{on:%m%Y}"):
            raise BooksError("The financial period does not match the date.")
        lines = body.rows("journalTransactionLines", VOUCHER_LINE_FIELDS)
        total = body.money("controlTotalInCurrency")
        entries = [
            Entry(
                _required(line.text("accountNumber"), "accountNumber"),
                (line.money("debitAmountInCurrency") or 0) - (line.money("creditAmountInCurrency") or 0),
                line.text("transactionDescription") or "",
                line.text("referenceNumber") or "",
                line.text("vatCodeId"),
            )
            for line in lines
        ]
        if total is not None and total != sum(entry.amount for entry in entries if entry.amount > 0):
            raise BooksError("The control total does not match the lines.")
        voucher = company.draft_voucher(on, body.text("description") or "", entries, bool(body.flag("hold")))
        return _created(request, f"/v2/journaltransaction/{voucher.number}", voucher.revision)

    def _release_voucher(self, company: ErpCompany, request: Request, number: str) -> Response:
        batch = _batch(company, number)
        _require_match(request, batch.revision)
        company.queue_release(batch)
        return self._queued()

    # Registers

    def _periods(self, company: ErpCompany, request: Request, _: str) -> Response:
        Query(request, frozenset({"greaterThanValue"}))
        return _json(200, wire.array(dto.period(each) for each in company.ledger.periods(company.today())))

    def _period(self, company: ErpCompany, request: Request, period: str) -> Response:
        months = {each.id: each for each in company.ledger.periods(company.today())}
        return _json(200, dto.period(_found(months.get(period), period)))

    def _cash_accounts(self, company: ErpCompany, request: Request, _: str) -> Response:
        Query(request, REGISTER_PARAMETERS)
        return _json(
            200,
            wire.array(
                dto.cash_account(number, company.accounts[behind]) for number, behind in company.cash_accounts.items()
            ),
        )

    def _cash_account(self, company: ErpCompany, request: Request, number: str) -> Response:
        behind = _found(company.cash_accounts.get(number), number)
        return _json(200, dto.cash_account(number, company.accounts[behind]))

    def _payment_methods(self, company: ErpCompany, request: Request, _: str) -> Response:
        Query(request, REGISTER_PARAMETERS)
        return _json(200, wire.array(dto.payment_method(each) for each in company.payment_methods.values()))

    def _payment_method(self, company: ErpCompany, request: Request, number: str) -> Response:
        return _json(200, dto.payment_method(_found(company.payment_methods.get(number), number)))

    def _accounts(self, company: ErpCompany, request: Request, _: str) -> Response:
        Query(request, REGISTER_PARAMETERS)
        return _json(200, wire.array(self._written_account(company, number) for number in company.accounts))

    def _account(self, company: ErpCompany, request: Request, number: str) -> Response:
        _found(company.accounts.get(number), number)
        return _json(200, self._written_account(company, number))

    def _written_account(self, company: ErpCompany, number: str) -> str:
        place = list(company.accounts).index(number) + 1
        return dto.account(company.accounts[number], place, number in company.cash_accounts.values())


# Finding


def _found(record: T | None, key: str) -> T:
    if record is None:
        raise NotFound(f"'{key}' cannot be found in the system.")
    return record


def _required(value: T | None, name: str) -> T:
    if value is None:
        raise BadRequest(f"'{name}' is required.")
    return value


def _candidates(
    company: ErpCompany, kinds: Collection[DocumentType], customer: str | None, since: datetime | None
) -> Iterable[Document]:
    if customer is not None:
        card = company.customers.get(customer)
        return () if card is None else (each for each in card.documents if each.type in kinds)
    return company.documents(*kinds) if since is None else company.changed_since(since, *kinds)


def _paying(company: ErpCompany, number: str, unreleased_too: bool) -> Iterable[Document]:
    documents = (found for kind in sorted(RECEIVABLES) if (found := company.find(kind, number)) is not None)
    return dict.fromkeys(
        row.paying for document in documents for row in document.settled_by if row.paying.released or unreleased_too
    )


def _receipt(company: ErpCompany, number: str) -> Document | None:
    return next((each for kind in RECEIPTS if (each := company.find(kind, number)) is not None), None)


def _batch(company: ErpCompany, number: str) -> Batch:
    batch = company.ledger.batches.get(number)
    return _found(batch if batch is not None and batch.module == "GL" else None, number)


def _order(documents: list[Document], company: ErpCompany) -> None:
    if company.settings.order_by_modified:
        documents.sort(key=lambda each: (each.modified_at, each.number, each.type))
    else:
        documents.sort(key=lambda each: (each.number, each.type))


def _payment_types(written: str | None, also: Collection[DocumentType]) -> tuple[DocumentType, ...]:
    return (*UNFILTERED_PAYMENTS, *sorted(also)) if written is None else (_payment_type(written),)


def _payment_type(written: str) -> DocumentType:
    kind = next((kind for kind in PAYMENT_TYPES if kind == written), None)
    if kind is None:
        raise BadRequest(f"'{written}' is not a payment type.")
    return kind


def _payment_line(company: ErpCompany, line: Fields) -> Line:
    number = _required(line.text("refNbr"), "refNbr")
    written = _required(line.text("documentType"), "documentType")
    kind = next((kind for kind in RECEIVABLES if kind == written), None)
    document = None if kind is None else company.find(kind, number)
    if document is None:
        raise BooksError(f"AdjdRefNbr '{number}' cannot be found in the system.")
    return Line(
        document,
        _required(line.money("amountPaid"), "amountPaid"),
        line.money("cashDiscountTaken") or 0,
        line.money("balanceWriteOff") or 0,
    )


def _decoded(segment: str) -> str:
    """The segment itself, or what `b64(…)` holds: the vendor's way for numbers with reserved characters."""
    if not (segment.startswith("b64(") and segment.endswith(")")):
        return segment
    inner = segment[4:-1]
    try:
        return base64.urlsafe_b64decode(inner + "=" * (-len(inner) % 4)).decode()
    except (binascii.Error, UnicodeDecodeError):
        return segment


def _require_match(request: Request, revision: int) -> None:
    wanted = request.headers.get("if-match")
    if wanted is not None and wanted.strip('"') != dto.time_stamp(revision):
        raise Stale


# Answering


def _json(status: int, body: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, {"content-type": "application/json; charset=utf-8", **(headers or {})}, body.encode())


def _failure(status: int, message: str) -> Response:
    return _json(status, wire.record({"message": wire.text(message)}))


def _single(body: str, revision: int) -> Response:
    return _json(200, body, {"etag": f'"{dto.time_stamp(revision)}"'})


def _created(request: Request, path: str, revision: int) -> Response:
    return Response(201, {"location": _origin(request) + path, "etag": f'"{dto.time_stamp(revision)}"'})


def _origin(request: Request) -> str:
    host = request.headers.get("host")
    return ORIGIN if host is None else f"http://{host}"


def _page(query: Query, found: list[T], max_size: int, write: Callable[[T], str]) -> Response:
    return _list([write(each) for each in query.page(found, max_size)], len(found), max_size)


def _list(items: list[str], total: int, max_size: int) -> Response:
    return _json(200, wire.array(wire.with_metadata(item, total, max_size) for item in items))
