-- Key metrics per person. Days are those of the calendar in Amsterdam; windows begin at its midnights.

CREATE MACRO local_day(moment) AS (moment AT TIME ZONE 'Europe/Amsterdam')::DATE;
CREATE MACRO days_ago(days) AS ((local_day(getvariable('as_of')) - days::INT)::TIMESTAMP AT TIME ZONE 'Europe/Amsterdam');
SET VARIABLE since_90d = days_ago(90);
SET VARIABLE since_365d = days_ago(365);

CREATE TABLE order_metrics AS
SELECT
    person,
    count(*) FILTER (counts) AS order_count,
    sum(total) FILTER (counts) AS spent_lifetime,
    sum(total) FILTER (status = 'paid') AS spent_paid,
    min(ordered_at) FILTER (counts) AS first_order_at,
    max(ordered_at) FILTER (counts) AS last_order_at,
    count(*) FILTER (ordered_at >= getvariable('since_90d')) AS orders_90d,
    count(*) FILTER (counts AND ordered_at >= getvariable('since_365d')) AS orders_365d
FROM (SELECT *, status NOT IN ('cancelled', 'refunded') AS counts FROM sales_order)
GROUP BY person;

CREATE TABLE order_rhythm AS
SELECT person, median(gap) AS own_interval
FROM (
    SELECT person, day - lag(day) OVER (PARTITION BY person ORDER BY day) AS gap
    FROM (
        SELECT DISTINCT person, local_day(ordered_at) AS day
        FROM sales_order WHERE status = 'paid' AND person IN (SELECT person FROM order_metrics WHERE order_count > 1)
    )
)
WHERE gap IS NOT NULL GROUP BY person;

CREATE TABLE favourite AS
SELECT person, arg_max(category, (quantity, latest, -position)) AS favourite_category
FROM (
    SELECT person, category, position, sum(quantity) AS quantity, max(ordered_at) AS latest
    FROM order_line JOIN (SELECT sku, category, dense_rank() OVER (ORDER BY category) AS position FROM product) USING (sku)
    WHERE person IS NOT NULL GROUP BY person, category, position
)
GROUP BY person;

CREATE TABLE mail_activity AS
SELECT person, count(*) FILTER (type = 'opened') AS opens_90d, count(*) FILTER (type = 'clicked') AS clicks_90d
FROM message_event
WHERE "at" >= getvariable('since_90d') AND type IN ('opened', 'clicked')
GROUP BY person;

CREATE TABLE web_activity AS
SELECT person, count(*) AS visits_90d
FROM web_event
WHERE "at" >= getvariable('since_90d') AND person IS NOT NULL
GROUP BY person;
