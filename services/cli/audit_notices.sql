-- name: notices_end_once
-- 11.5 Each notice that was asked for waits to be mailed, or ended once: sent, muted or failed.
select n.notice_id as id,
       format('%s, and %s waits for it', coalesce(o.outcome, 'no outcome'),
              case when e.notice_id is null then 'nothing' else 'an errand' end) as detail,
       null::timestamptz as since, coalesce(n.correlation_id, n.cause_id) as correlation_id
from notifications.notice n
left join notifications.notice_outcome o using (notice_id)
left join notifications.errand e using (notice_id)
where (o.notice_id is null) = (e.notice_id is null);
