-- Claims of these reports that the gate refused, by rule; a claim that breaks several counts for each.
select violation ->> 'rule' as rule, count(distinct (claim.report_id, claim.expert, claim.place)) as claims
from research_claim as claim
cross join lateral jsonb_array_elements(claim.violations) as violation
where claim.report_id = any(:ids) and not claim.held
group by 1
