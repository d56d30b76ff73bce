-- The counts by which two roads to the same result are compared: a name and a number per row.

SELECT 'source_records', count(*) FROM source_record
UNION ALL SELECT 'persons', count(*) FROM person
UNION ALL SELECT 'persons.with_email', count(email) FROM person
UNION ALL SELECT 'persons.with_phone', count(phone) FROM person
UNION ALL SELECT 'persons.with_prefix', count(prefix) FROM person
UNION ALL SELECT 'persons.with_consent', count(*) FROM person WHERE opted_in
UNION ALL SELECT 'households', count(*) FROM household
UNION ALL SELECT 'mail_events.with_person', count(person) FROM message_event
UNION ALL SELECT 'web_events.with_person', count(person) FROM web_event
UNION ALL SELECT 'identifiers.' || type, count(DISTINCT value) FROM identifier GROUP BY type
UNION ALL SELECT 'orders', count(*) FROM sales_order
UNION ALL SELECT 'orders.with_person', count(person) FROM sales_order
UNION ALL SELECT 'order_lines', count(*) FROM order_line
UNION ALL SELECT 'order_lines.with_person', count(person) FROM order_line
UNION ALL SELECT 'spent_cents', sum(spent_paid * 100)::BIGINT FROM trait
UNION ALL SELECT 'opens_90d', sum(opens_90d) FROM trait
UNION ALL SELECT 'clicks_90d', sum(clicks_90d) FROM trait
UNION ALL SELECT 'visits_90d', sum(visits_90d) FROM trait
UNION ALL SELECT 'life_cycle.' || life_cycle, count(*) FROM trait GROUP BY life_cycle
UNION ALL SELECT 'favourite.' || favourite_category, count(*) FROM trait WHERE favourite_category IS NOT NULL GROUP BY ALL
UNION ALL SELECT 'rfm.recency.' || recency, count(*) FROM rfm GROUP BY recency
UNION ALL SELECT 'rfm.frequency.' || frequency, count(*) FROM rfm GROUP BY frequency
UNION ALL SELECT 'rfm.monetary.' || monetary, count(*) FROM rfm GROUP BY monetary
UNION ALL SELECT 'segment.' || name, count(*) FROM membership JOIN (VALUES
    ('prospects', 1), ('newcomers', 2), ('loyals', 4), ('inactives', 8), ('gold', 16), ('kibble_buyers', 32),
    ('newsletter', 64), ('mail_active', 128), ('browsers', 256), ('big_spenders', 512)) AS segments(name, bit)
    ON mask & bit <> 0 GROUP BY name
UNION ALL SELECT 'audience.' || audience, count(*) FROM acknowledged GROUP BY audience
UNION ALL SELECT 'messages', count(*) FROM message
ORDER BY 1;
