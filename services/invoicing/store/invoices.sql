-- name: take_numbers
-- Numbers of the first series of a year that nobody else is numbering from, held to the commit.
update invoice_series set next_number = next_number + $2
where series = (
    select series from invoice_series where year = $1
    order by place limit 1
    for update skip locked
)
returning series, next_number - $2 as first;

-- name: find_place
-- The first free place for a year's next series that nobody else is just taking.
select place
from generate_series(
    (select coalesce(max(place) + 1, 0) from invoice_series where year = $1), 999
) as place
where pg_try_advisory_xact_lock(hashtext('invoice_series'), $1 * 1000 + place)
limit 1;

-- name: open_series
-- A year's next series, unless somebody else was quicker.
insert into invoice_series (series, year, place) values ($1, $2, $3)
on conflict do nothing;

-- name: use_numbers
-- More numbers of a held series, which were given to invoices.
update invoice_series set next_number = next_number + $2 where series = $1;

-- name: append_paid_invoices
-- Invoices for what was paid when it was ordered, with their lines; numbered from $1 and $2 on.
with input as (
    select * from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                         $9::timestamptz[], $10::timestamptz[], $11::text[], $12::bigint[],
                         $13::bigint[], $14::bigint[], $15::bigint[], $16::timestamptz[])
        with ordinality as t (invoice_id, account_id, resource_id, order_id, item_id, payment_id,
                              period_from, period_to, currency, discount, net, vat, gross,
                              issued_at, place)
), issued as (
    insert into invoice (invoice_id, series, number, account_id, resource_id, kind, order_id,
                         item_id, payment_id, period_from, period_to, currency, discount, net, vat,
                         gross, issued_at)
    select invoice_id, $1, $2::bigint + place - 1, account_id, resource_id, 'prepaid', order_id,
           item_id, payment_id, period_from, period_to, currency, discount, net, vat, gross,
           issued_at
    from input
), stated as (
    insert into invoice_state (invoice_id, account_id, gross, paid, issued_at)
    select invoice_id, account_id, gross, greatest(gross, 0), issued_at from input
)
insert into invoice_line (account_id, invoice_id, position, sku, description, quantity, minutes,
                          unit_price, discount_rate, amount, vat, vat_rate, vat_included,
                          period_from, period_to)
select l.*
from unnest($17::text[], $18::text[], $19::integer[], $20::text[], $21::text[], $22::numeric[],
            $23::bigint[], $24::numeric[], $25::numeric[], $26::bigint[], $27::bigint[],
            $28::numeric[], $29::boolean[], $30::timestamptz[], $31::timestamptz[])
    as l (account_id, invoice_id, position, sku, description, quantity, minutes, unit_price, discount_rate,
          amount, vat, vat_rate, vat_included, period_from, period_to);

-- name: write_invoices
-- The invoices with a run of numbers as JSON, as messages carry them, in the order of the numbers.
select json_strip_nulls(json_build_object(
           'invoice_id', invoice_id,
           'number', series || '-' || lpad(number::text, greatest(7, length(number::text)), '0'),
           'account_id', account_id, 'resource_id', resource_id, 'kind', kind,
           'status', case when gross <= 0 then 'paid' else 'unpaid' end,
           'period_from', to_char(period_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'period_to', to_char(period_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
           'lines', lines, 'discount', discount, 'net', net, 'vat', vat, 'gross', gross,
           'currency', currency,
           'due_at', to_char(due_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
       ))::text as body
from invoice i
cross join lateral (
    select json_agg(json_build_object(
        'sku', sku, 'description', description, 'quantity', quantity::text, 'minutes', minutes,
        'unit_price', unit_price::text, 'discount_rate', discount_rate::text,
        'amount', amount, 'vat', vat, 'vat_rate', vat_rate::text, 'vat_included', vat_included,
        'period_from', to_char(period_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'period_to', to_char(period_to at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
        'month', month
    ) order by position) as lines
    from invoice_line l where l.account_id = i.account_id and l.invoice_id = i.invoice_id
) line
where series = $1 and number >= $2 and number < $3
order by number;

-- name: find_owed_to_customers
-- The invoices with a run of numbers that came out below 0, and what created their resources.
select i.invoice_id, i.account_id, -i.gross as amount, i.resource_id,
       coalesce(r.order_id, r.resource_id) as order_id, coalesce(r.item_id, r.resource_id) as item_id
from invoice i join resource r using (account_id, resource_id)
where i.series = $1 and i.number >= $2 and i.number < $3 and i.gross < 0
order by i.number;
