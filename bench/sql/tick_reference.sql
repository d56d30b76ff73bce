-- The same tick by hand: interrupted, clicked, split, and the reminder for those who are left.
CREATE TEMP TABLE fate AS
SELECT e.enrolment_id, e.record_id, p.person_id, p.email, p.given_name, p.surname, p.city, c.consent_key,
    CASE WHEN o.person_id IS NOT NULL THEN 'interrupted'
         WHEN k.message_key IS NOT NULL THEN 'clicked'
         WHEN substr(md5('split|journey|split|' || e.record_id), 1, 8) < '80000000' THEN 'short'
         WHEN coalesce(s.number, 0) >= 2 OR c.consent_key IS NULL THEN 'held' ELSE 'long' END AS fate
FROM store.enrolment AS e
JOIN store.source_record AS r ON r.record_id = e.record_id
JOIN store.person AS p ON p.person_id = r.person_id
LEFT JOIN (SELECT person_id, max(ordered_at) AS ordered_at FROM store.sales_order AS o
    JOIN store.source_record AS r ON r.record_id = o.record_id WHERE status = 'paid' GROUP BY 1) AS o
    ON o.person_id = p.person_id AND o.ordered_at > e.entered_at
LEFT JOIN (SELECT DISTINCT message_key FROM store.message_event WHERE type = 'clicked') AS k
    ON k.message_key = e.message_id
LEFT JOIN (SELECT record_id, count(*) AS number FROM store.message
    WHERE purpose = 'marketing' AND sent_at > TIMESTAMPTZ '2026-03-02 09:00:00+00' GROUP BY 1) AS s
    ON s.record_id = e.record_id
LEFT JOIN (SELECT record_id, arg_max(connection || ':' || source_key, "at") AS consent_key FROM store.consent
    WHERE channel = 'email' AND purpose = 'marketing' GROUP BY 1 HAVING arg_max(given, "at")) AS c
    ON c.record_id = e.record_id
WHERE e.status = 'active' AND e.due_at <= TIMESTAMPTZ '2026-03-09 09:00:00+00';
UPDATE store.enrolment SET status = CASE fate WHEN 'interrupted' THEN 'stopped' ELSE 'done' END, reason = fate,
    step = CASE fate WHEN 'long' THEN 'reminder' ELSE 'end' END, variant = fate, due_at = NULL,
    ended_at = TIMESTAMPTZ '2026-03-09 09:00:00+00',
    message_id = CASE fate WHEN 'long' THEN md5('reminder|1|' || fate.enrolment_id) ELSE message_id END
FROM fate WHERE fate.enrolment_id = enrolment.enrolment_id;
INSERT INTO store.decision (decision_id, enrolment_id, scenario, step, template, record_id, outcome, channel, connection,
    purpose, reason, consent_key, address, content, "at", expires_at)
SELECT md5('reminder|1|' || enrolment_id), enrolment_id, 'journey', 'reminder', 'reminder', record_id, 'queued', 'email',
    'mail', 'marketing', 'email: chosen', consent_key, json_object('email', email),
    json_object('given_name', given_name, 'surname', surname, 'email', email, 'city', city),
    TIMESTAMPTZ '2026-03-09 09:00:00+00', TIMESTAMPTZ '2026-03-23 09:00:00+00'
FROM fate WHERE fate = 'long';
INSERT INTO store.message (connection, source_key, record_id, channel, campaign, scenario, step, purpose, sent_at)
SELECT 'mail', md5('reminder|1|' || enrolment_id), record_id, 'email', 'reminder', 'journey', 'reminder', 'marketing',
    TIMESTAMPTZ '2026-03-09 09:00:00+00' FROM fate WHERE fate = 'long';
