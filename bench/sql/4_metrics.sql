-- Key metrics per person.

CREATE TABLE order_metrics AS
SELECT
    person,
    count(*) AS order_count,
    sum(total) FILTER (status = 'paid') AS spent,
    min(ordered_at) AS first_order_at,
    max(ordered_at) AS last_order_at,
    count(*) FILTER (ordered_at > getvariable('as_of') - INTERVAL 90 DAY) AS orders_90d,
    count(*) FILTER (ordered_at > getvariable('as_of') - INTERVAL 365 DAY) AS orders_365d
FROM sales_order GROUP BY person;

CREATE TABLE order_rhythm AS
SELECT person, median(gap) / 86400 AS own_interval
FROM (
    SELECT person, epoch(ordered_at) - lag(epoch(ordered_at)) OVER (PARTITION BY person ORDER BY ordered_at) AS gap
    FROM sales_order WHERE person IN (SELECT person FROM order_metrics WHERE order_count > 1)
)
WHERE gap IS NOT NULL GROUP BY person;

CREATE TABLE favourite AS
SELECT person, arg_max(category, quantity * 100 - position) AS favourite_category
FROM (
    SELECT person, sku_category.category, position, sum(quantity) AS quantity
    FROM order_line JOIN (
        SELECT sku, category, dense_rank() OVER (ORDER BY category) AS position FROM product
    ) AS sku_category USING (sku)
    GROUP BY person, sku_category.category, position
) GROUP BY person;

CREATE TABLE mail_activity AS
SELECT person, count(*) FILTER (type = 'opened') AS opens_90d, count(*) FILTER (type = 'clicked') AS clicks_90d
FROM message_event
WHERE "at" > getvariable('as_of') - INTERVAL 90 DAY AND type IN ('opened', 'clicked')
GROUP BY person;

CREATE TABLE web_activity AS
SELECT person, count(*) AS visits_90d
FROM web_event
WHERE "at" > getvariable('as_of') - INTERVAL 90 DAY AND person IS NOT NULL
GROUP BY person;
