-- The same counts as outcome.sql, from the hub's published tables.

SELECT 'source_records', count(*) FROM source_record
UNION ALL SELECT 'persons', count(*) FROM person
UNION ALL SELECT 'persons.with_email', count(email) FROM person
UNION ALL SELECT 'persons.with_phone', count(phone) FROM person
UNION ALL SELECT 'persons.with_prefix', count(prefix) FROM person
UNION ALL SELECT 'persons.with_consent', count(DISTINCT person_id) FROM consent WHERE given
UNION ALL SELECT 'households', count(*) FROM household
UNION ALL SELECT 'mail_events.with_person', count(person_id) FROM message_event
UNION ALL SELECT 'web_events.with_person', count(person_id) FROM web_event
UNION ALL SELECT 'identifiers.' || type, count(DISTINCT value) FROM identifier GROUP BY type
UNION ALL SELECT 'orders', count(*) FROM sales_order
UNION ALL SELECT 'orders.with_person', count(person_id) FROM sales_order
UNION ALL SELECT 'order_lines', count(*) FROM order_line
UNION ALL SELECT 'order_lines.with_person', count(person_id) FROM order_line
UNION ALL SELECT 'spent_cents', sum(spent_paid * 100)::BIGINT FROM trait
UNION ALL SELECT 'opens_90d', sum(opens_90d) FROM trait
UNION ALL SELECT 'clicks_90d', sum(clicks_90d) FROM trait
UNION ALL SELECT 'visits_90d', sum(visits_90d) FROM trait
UNION ALL SELECT 'life_cycle.' || life_cycle, count(*) FROM trait GROUP BY life_cycle
UNION ALL SELECT 'favourite.' || favourite_category, count(*) FROM trait WHERE favourite_category IS NOT NULL GROUP BY ALL
UNION ALL SELECT 'rfm.recency.' || recency_score, count(*) FROM trait WHERE recency_score IS NOT NULL GROUP BY ALL
UNION ALL SELECT 'rfm.frequency.' || frequency_score, count(*) FROM trait WHERE frequency_score IS NOT NULL GROUP BY ALL
UNION ALL SELECT 'rfm.monetary.' || monetary_score, count(*) FROM trait WHERE monetary_score IS NOT NULL GROUP BY ALL
UNION ALL SELECT 'segment.' || segment, count(*) FROM membership GROUP BY segment
UNION ALL SELECT 'audience.' || sync, count(*) FROM audience_state GROUP BY sync
ORDER BY 1;
