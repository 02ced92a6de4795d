-- name: find_resources
-- An account's resources by name, from one on, as far as they are wanted; those that are gone only where
-- they are asked for.
select r.*, a.months as auto_renew_months
from resource r left join auto_renewal a using (account_id, resource_id)
where r.account_id = $1 and ($2 or r.state <> 'deleted')
  and ($3::text is null or r.name ilike '%' || $3 || '%' or r.resource_id = $3)
  and ($4::text is null or (lower(r.name), r.resource_id) > (
      select lower(p.name), p.resource_id from resource p
      where p.account_id = $1 and p.resource_id = $4))
order by lower(r.name), r.resource_id
limit $5;

-- name: find_resource
-- A resource of an account.
select r.*, a.months as auto_renew_months
from resource r left join auto_renewal a using (account_id, resource_id)
where r.account_id = $1 and r.resource_id = $2;

-- name: find_ending
-- Resources in use whose term ends by a time.
select r.*, a.months as auto_renew_months
from resource r left join auto_renewal a using (account_id, resource_id)
where r.account_id = $1 and r.ends_at <= $2 and r.state <> 'deleted'
order by r.ends_at, r.resource_id
limit 50;

-- name: count_states
-- How many resources there are in each state.
select state, count(*) from resource where account_id = $1 group by state;

-- name: find_on_trial
-- Resources that the POC wallet pays for (domain 9), those that end first before the others.
select resource_id, name, product, state, ends_at from resource
where account_id = $1 and poc = 'running' and state <> 'deleted'
order by ends_at nulls last, resource_id
limit $2;
