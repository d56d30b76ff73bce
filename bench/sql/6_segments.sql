-- RFM, life cycle and ten segments as a bit mask; the difference with the mask of last time.

CREATE TABLE rfm AS
SELECT
    person,
    least(5, 1 + floor(5 * percent_rank() OVER (ORDER BY last_order_at)))::INT AS recency,
    least(5, 1 + floor(5 * percent_rank() OVER (ORDER BY order_count)))::INT AS frequency,
    least(5, 1 + floor(5 * percent_rank() OVER (ORDER BY spent_lifetime)))::INT AS monetary
FROM order_metrics WHERE order_count > 0;

CREATE TABLE trait AS
SELECT
    person, coalesce(order_count, 0) AS order_count, spent_lifetime, spent_paid, first_order_at, last_order_at,
    coalesce(orders_90d, 0) AS orders_90d, coalesce(orders_365d, 0) AS orders_365d, own_interval, favourite_category,
    coalesce(opens_90d, 0) AS opens_90d, coalesce(clicks_90d, 0) AS clicks_90d, coalesce(visits_90d, 0) AS visits_90d,
    recency, frequency, monetary, may_be_mailed,
    CASE
        WHEN coalesce(order_count, 0) = 0 THEN 'prospect'
        WHEN days_since > 365 OR days_since > 2 * own_interval THEN 'inactive'
        WHEN order_count = 1 AND days_since <= 90 THEN 'new'
        WHEN orders_365d >= 3 THEN 'loyal'
        ELSE 'active' END AS life_cycle
FROM person
LEFT JOIN (SELECT *, local_day(getvariable('as_of')) - local_day(last_order_at) AS days_since FROM order_metrics) USING (person)
LEFT JOIN order_rhythm USING (person)
LEFT JOIN favourite USING (person)
LEFT JOIN mail_activity USING (person)
LEFT JOIN web_activity USING (person)
LEFT JOIN rfm USING (person);

CREATE TABLE IF NOT EXISTS membership (person BIGINT, mask INTEGER);
CREATE TABLE IF NOT EXISTS transition (person BIGINT, entered INTEGER, gone INTEGER, "at" TIMESTAMPTZ);

CREATE TEMP TABLE members AS
SELECT person, (
      (life_cycle = 'prospect')::INT
    + (life_cycle = 'new')::INT * 2
    + (life_cycle = 'loyal')::INT * 4
    + (life_cycle = 'inactive')::INT * 8
    + coalesce(recency >= 4 AND frequency >= 4 AND monetary >= 4, false)::INT * 16
    + coalesce(favourite_category = 'kibble', false)::INT * 32
    + may_be_mailed::INT * 64
    + (opens_90d > 0 OR clicks_90d > 0)::INT * 128
    + (visits_90d > 0 AND orders_90d = 0)::INT * 256
    + coalesce(spent_paid > 500, false)::INT * 512
) AS mask
FROM trait;

INSERT INTO transition
SELECT
    coalesce(now.person, before.person),
    coalesce(now.mask, 0) & ~coalesce(before.mask, 0),
    coalesce(before.mask, 0) & ~coalesce(now.mask, 0),
    getvariable('as_of')
FROM members AS now FULL JOIN membership AS before ON now.person = before.person
WHERE coalesce(now.mask, 0) <> coalesce(before.mask, 0);

DELETE FROM membership;
INSERT INTO membership SELECT person, mask FROM members WHERE mask <> 0;
