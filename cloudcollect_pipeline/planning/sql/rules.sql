-- The rules of collection. Each is one predicate over the candidate `c` and tonight's policy `p`; true means it passes.
-- Group `may` is asked before a transfer, in the plan and again by the guard. Group `stop` is asked then too, and as
-- long as a claim lives.

-- rule: OPEN
-- group: may
-- text: released and open, with a balance
-- fix: release the document; a paid one needs no collection
c.status = 'Open' and c.balance > 0;

-- rule: PICKED
-- group: may
-- text: picked by the ERP's dunning process after the due date
-- fix: run the dunning process in the ERP; the level that counts is a setting
not p.require_dunning or (c.dunning_level >= p.min_dunning_level and c.dunning_date > c.due_date);

-- rule: OLD_ENOUGH
-- group: may
-- text: overdue by the full days of grace and the banking days for money under way
-- fix: wait; due dates on free days count from the next working day
c.due_date <= p.latest_due_date;

-- rule: NOT_EXCLUDED
-- group: stop
-- text: not excluded from dunning on the invoice
-- fix: clear the exclusion on the invoice in the ERP
not c.excluded and not c.revoked;

-- rule: CUSTOMER_NOT_EXCLUDED
-- group: stop
-- text: not excluded from dunning on the customer
-- fix: clear the exclusion on the customer card in the ERP
not c.customer_excluded;

-- rule: NOT_DISPUTED
-- group: stop
-- text: neither on the hold list nor disputed at the agency
-- fix: settle the dispute, then take the hold away
not c.on_hold and not c.disputed;

-- rule: NOT_CREDITED
-- group: stop
-- text: what was handed over has not been credited in full
-- fix: nothing; the agency is told of the credit, and the settings say whether the claim is recalled too
not c.credited_in_full;

-- rule: NOT_WRITTEN_OFF
-- group: stop
-- text: what was handed over has not been written off in full
-- fix: nothing; a write-off never recalls a claim unless the settings say so
not c.written_off_in_full;

-- rule: ROUTED_HERE
-- group: stop
-- text: this agency's by the route: the debtor's country and kind, and the original amount
-- fix: nothing; another agency of the company takes it, or change the route in the settings
(len(p.countries) = 0 or list_contains(p.countries, coalesce(c.country, 'NO')))
and (p.debtors = 'all' or (p.debtors = 'business') = c.business)
and c.amount >= p.from_amount and (p.below_amount is null or c.amount < p.below_amount);

-- rule: MINIMUM_AMOUNT
-- group: may
-- text: balance of at least the minimum amount
-- fix: lower the minimum in the settings if smaller amounts should go
c.balance >= p.min_amount;

-- rule: CURRENCY
-- group: may
-- text: in the currency of the books, which both the settings and the agency accept
-- fix: collect it by hand
list_contains(p.currencies, c.currency);

-- rule: NO_UNRELEASED
-- group: may
-- text: no unreleased payment or credit note names it
-- fix: release or remove the unreleased document
not c.has_unreleased;

-- rule: NO_UNAPPLIED_CREDIT
-- group: may
-- text: neither the customer nor its parent has unapplied credit or a posting under way
-- fix: match the credit with its invoice, or pay it back
c.unapplied_credit = 0;

-- rule: NO_CASE
-- group: may
-- text: no case number on the invoice, and its KID is not at an agency
-- fix: it is collected already; clear the case number if that case is over
(coalesce(c.case_number, '') = '' or c.case_is_over) and not c.kid_at_agency;

-- rule: NOT_A_DUNNING_FEE
-- group: may
-- text: not itself a dunning-fee document
-- fix: nothing: fees follow their invoice
c.document_type <> 'OverdueCharge';

-- rule: DOCUMENT_TYPE
-- group: may
-- text: an invoice, or a debit note where these are enabled
-- fix: enable debit notes in the settings if they should go
c.document_type <> 'DebitNote' or p.debit_notes;

-- rule: AFTER_GO_LIVE
-- group: may
-- text: issued on or after go-live
-- fix: hand older documents over by hand
c.document_date >= p.go_live;

-- rule: DEBTOR_COMPLETE
-- group: may
-- text: the debtor has a name and a full address
-- fix: complete the customer card in the ERP
c.debtor_complete;

-- rule: NOT_TIME_BARRED
-- group: may
-- text: less than three years after the due date (foreldelsesloven § 2)
-- fix: write it off, or take it to court by hand
c.due_date > p.time_barred_due_date;

-- rule: NO_LIVE_CLAIM
-- group: may
-- text: not already transferred or on its way
-- fix: nothing
c.live_claims = 0 and c.pending_transfers = 0;

-- rule: NOT_AT_ANOTHER_AGENCY
-- group: may
-- text: not at another agency of ours, nor on its way there
-- fix: recall it there first; the night after the recall it may go here
not c.elsewhere;

-- rule: NEW_EPISODE_APPROVED
-- group: may
-- text: never recalled, or the new transfer is approved
-- fix: answer the finding NEW_EPISODE
c.past_claims = 0 or c.episode_approved;

-- rule: NO_FOREIGN_PAYMENT
-- group: may
-- text: no payment of this customer on the suspense account that is not ours
-- fix: void it or type our reference into it
not c.has_foreign_payment;

-- rule: TRUSTED
-- group: may
-- text: all records it rests on could be read and add up tonight
-- fix: see the finding that names the record
not c.fenced;
