-- Answers that allow one try of this very effect. What a person said about a claim's hold is not for its payments.
select code, subject
from decision
where action in ('retry', 'resume', 'pause', 'recall')
  and case code
          when 'CASE_FIELDS_REFUSED' then :kind = 'case_reference' and subject = :document
          when 'PAUSE_OF_UNKNOWN_ORIGIN' then :kind = 'hold' and subject = :document
          -- it has the reason after the document
          when 'CLAIM_SHOULD_STOP' then :kind = 'hold' and substr(subject, 1, length(:document) + 1) = :document || ' '
          else subject = :reference
      end
order by code, subject;
