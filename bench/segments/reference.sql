-- The best hand-written SQL for the same traits and memberships, on the tables that map and resolve filled.
-- Every table is scanned once for its aggregates; favourites and intervals take one scan more each.

CREATE MACRO local_day(moment) AS (moment AT TIME ZONE 'Europe/Amsterdam')::DATE;
CREATE MACRO days_ago(days) AS ((local_day(getvariable('as_of')) - days::INT)::TIMESTAMP AT TIME ZONE 'Europe/Amsterdam');
CREATE MACRO fixed(number) AS number::DECIMAL(18, 4);
-- avg() of decimals is a floating-point number, which rounds some averages that end in a five the wrong way
CREATE MACRO average(total, of) AS fixed((((abs(total) * 20000)::HUGEINT + of) // (2 * of) * sign(total))::DECIMAL(38, 4) * 0.0001);
SET VARIABLE today = local_day(getvariable('as_of'));
SET VARIABLE d7 = days_ago(7);
SET VARIABLE d30 = days_ago(30);
SET VARIABLE d60 = days_ago(60);
SET VARIABLE d90 = days_ago(90);
SET VARIABLE d365 = days_ago(365);
SET VARIABLE d730 = days_ago(730);

CREATE TEMP TABLE order_traits AS
SELECT
    person_id,
    count(*) FILTER (counts) AS order_count,
    fixed(sum(total) FILTER (counts)) AS spent_lifetime,
    min(ordered_at) FILTER (counts) AS first_order_at,
    max(ordered_at) FILTER (counts) AS last_order_at,
    count(*) FILTER (counts AND ordered_at >= getvariable('d365')) AS orders_365d,
    count(*) FILTER (counts AND ordered_at >= getvariable('d7')) AS orders_7d,
    count(*) FILTER (counts AND ordered_at >= getvariable('d30')) AS orders_30d,
    count(*) FILTER (counts AND ordered_at >= getvariable('d90')) AS orders_90d,
    count(*) FILTER (counts AND ordered_at >= getvariable('d730')) AS orders_730d,
    fixed(sum(total) FILTER (counts AND ordered_at >= getvariable('d30'))) AS spent_30d,
    fixed(sum(total) FILTER (counts AND ordered_at >= getvariable('d90'))) AS spent_90d,
    fixed(sum(total) FILTER (counts AND ordered_at >= getvariable('d365'))) AS spent_365d,
    fixed(sum(total) FILTER (counts AND ordered_at >= getvariable('d730'))) AS spent_730d,
    average(sum(total) FILTER (counts), count(total) FILTER (counts)) AS average_order,
    max(total) FILTER (counts) AS largest_order,
    min(total) FILTER (counts) AS smallest_order,
    count(*) FILTER (status = 'refunded') AS refunds,
    fixed(count(*) FILTER (status IN ('cancelled', 'refunded')) / count(*)) AS undone_share,
    arg_min(total, (ordered_at, total)) FILTER (counts AND total IS NOT NULL AND ordered_at IS NOT NULL) AS first_total,
    arg_max(total, (ordered_at, total)) FILTER (counts AND total IS NOT NULL AND ordered_at IS NOT NULL) AS last_total
FROM (
    SELECT person_id, ordered_at, status, total, status IS NULL OR status NOT IN ('cancelled', 'refunded', 'test') AS counts
    FROM store.sales_order JOIN store.source_record USING (record_id)
    WHERE ordered_at <= getvariable('as_of') OR ordered_at IS NULL
)
GROUP BY person_id;

CREATE TEMP TABLE rhythm AS
SELECT person_id, fixed(median(gap)) AS own_order_interval
FROM (
    SELECT person_id, day - lag(day) OVER (PARTITION BY person_id ORDER BY day) AS gap
    FROM (
        SELECT DISTINCT person_id, local_day(ordered_at) AS day
        FROM store.sales_order JOIN store.source_record USING (record_id)
        WHERE ordered_at <= getvariable('as_of') AND (status IS NULL OR status NOT IN ('cancelled', 'refunded', 'test'))
    )
)
WHERE gap IS NOT NULL
GROUP BY person_id;

CREATE TEMP TABLE line_traits AS
SELECT
    person_id,
    count(*) FILTER (ordered_at >= getvariable('d30')) AS lines_30d,
    count(*) FILTER (ordered_at >= getvariable('d90')) AS lines_90d,
    count(*) FILTER (ordered_at >= getvariable('d365')) AS lines_365d,
    fixed(sum(quantity) FILTER (ordered_at >= getvariable('d30'))) AS units_30d,
    fixed(sum(quantity) FILTER (ordered_at >= getvariable('d90'))) AS units_90d,
    fixed(sum(quantity) FILTER (ordered_at >= getvariable('d365'))) AS units_365d,
    fixed(sum(quantity) FILTER (category = 'kibble' AND ordered_at >= getvariable('d90'))) AS bought_kibble_90d,
    fixed(sum(quantity) FILTER (category = 'kibble' AND ordered_at >= getvariable('d365'))) AS bought_kibble_365d,
    fixed(sum(quantity) FILTER (category = 'snacks' AND ordered_at >= getvariable('d90'))) AS bought_snacks_90d,
    fixed(sum(quantity) FILTER (category = 'snacks' AND ordered_at >= getvariable('d365'))) AS bought_snacks_365d,
    fixed(sum(quantity) FILTER (category = 'toys' AND ordered_at >= getvariable('d90'))) AS bought_toys_90d,
    fixed(sum(quantity) FILTER (category = 'toys' AND ordered_at >= getvariable('d365'))) AS bought_toys_365d,
    fixed(sum(quantity) FILTER (category = 'litter' AND ordered_at >= getvariable('d90'))) AS bought_litter_90d,
    fixed(sum(quantity) FILTER (category = 'litter' AND ordered_at >= getvariable('d365'))) AS bought_litter_365d,
    fixed(sum(quantity) FILTER (category = 'care' AND ordered_at >= getvariable('d90'))) AS bought_care_90d,
    fixed(sum(quantity) FILTER (category = 'care' AND ordered_at >= getvariable('d365'))) AS bought_care_365d,
    fixed(sum(amount) FILTER (species = 'dog' AND ordered_at >= getvariable('d90'))) AS paid_dog_90d,
    fixed(sum(amount) FILTER (species = 'dog' AND ordered_at >= getvariable('d365'))) AS paid_dog_365d,
    fixed(sum(amount) FILTER (species = 'cat' AND ordered_at >= getvariable('d90'))) AS paid_cat_90d,
    fixed(sum(amount) FILTER (species = 'cat' AND ordered_at >= getvariable('d365'))) AS paid_cat_365d,
    fixed(sum(amount) FILTER (species = 'rodent' AND ordered_at >= getvariable('d90'))) AS paid_rodent_90d,
    fixed(sum(amount) FILTER (species = 'rodent' AND ordered_at >= getvariable('d365'))) AS paid_rodent_365d,
    fixed(sum(amount) FILTER (species = 'bird' AND ordered_at >= getvariable('d90'))) AS paid_bird_90d,
    fixed(sum(amount) FILTER (species = 'bird' AND ordered_at >= getvariable('d365'))) AS paid_bird_365d,
    fixed(sum(amount) FILTER (species = 'fish' AND ordered_at >= getvariable('d90'))) AS paid_fish_90d,
    fixed(sum(amount) FILTER (species = 'fish' AND ordered_at >= getvariable('d365'))) AS paid_fish_365d,
    arg_max(product_key, (ordered_at, product_key)) FILTER (product_key IS NOT NULL AND ordered_at IS NOT NULL) AS last_product,
    arg_max(category, (ordered_at, category)) FILTER (category IS NOT NULL AND ordered_at IS NOT NULL) AS last_category,
    count(DISTINCT category) AS categories,
    arg_max(pack_size, (ordered_at, pack_size)) FILTER (category = 'kibble' AND pack_size IS NOT NULL AND ordered_at IS NOT NULL) AS kibble_pack,
    count(*) FILTER (category = 'toys' AND ordered_at >= getvariable('d60')) AS toys_60d,
    count(*) FILTER (category = 'toys') AS toys
FROM store.order_line AS line
JOIN store.source_record USING (record_id)
LEFT JOIN store.product ON product.connection = line.connection AND product.source_key = line.product_key
WHERE ordered_at <= getvariable('as_of') OR ordered_at IS NULL
GROUP BY person_id;

CREATE TEMP TABLE favourite_category AS
SELECT person_id, arg_max(category, (weight, latest, -position)) AS favourite_category
FROM (
    SELECT person_id, category, position, sum(quantity) AS weight, max(ordered_at) AS latest
    FROM store.order_line AS line
    JOIN store.source_record USING (record_id)
    JOIN (SELECT *, dense_rank() OVER (ORDER BY category) AS position FROM store.product) AS product
        ON product.connection = line.connection AND product.source_key = line.product_key
    WHERE ordered_at <= getvariable('as_of') AND category IS NOT NULL
    GROUP BY person_id, category, position
)
GROUP BY person_id;

CREATE TEMP TABLE favourite_species AS
SELECT person_id, arg_max(species, (weight, latest, -position)) AS favourite_species
FROM (
    SELECT person_id, species, position, sum(quantity) AS weight, max(ordered_at) AS latest
    FROM store.order_line AS line
    JOIN store.source_record USING (record_id)
    JOIN (SELECT *, dense_rank() OVER (ORDER BY species) AS position FROM store.product) AS product
        ON product.connection = line.connection AND product.source_key = line.product_key
    WHERE ordered_at <= getvariable('as_of') AND species IS NOT NULL
    GROUP BY person_id, species, position
)
GROUP BY person_id;

CREATE TEMP TABLE mail_traits AS
SELECT
    person_id,
    count(*) FILTER (type = 'opened' AND "at" >= getvariable('d7')) AS opened_7d,
    count(*) FILTER (type = 'opened' AND "at" >= getvariable('d30')) AS opened_30d,
    count(*) FILTER (type = 'opened' AND "at" >= getvariable('d90')) AS opened_90d,
    count(*) FILTER (type = 'opened' AND "at" >= getvariable('d365')) AS opened_365d,
    count(*) FILTER (type = 'clicked' AND "at" >= getvariable('d7')) AS clicked_7d,
    count(*) FILTER (type = 'clicked' AND "at" >= getvariable('d30')) AS clicked_30d,
    count(*) FILTER (type = 'clicked' AND "at" >= getvariable('d90')) AS clicked_90d,
    count(*) FILTER (type = 'clicked' AND "at" >= getvariable('d365')) AS clicked_365d,
    count(*) FILTER (type = 'delivered' AND "at" >= getvariable('d7')) AS delivered_7d,
    count(*) FILTER (type = 'delivered' AND "at" >= getvariable('d30')) AS delivered_30d,
    count(*) FILTER (type = 'delivered' AND "at" >= getvariable('d90')) AS delivered_90d,
    count(*) FILTER (type = 'delivered' AND "at" >= getvariable('d365')) AS delivered_365d,
    max("at") FILTER (type = 'opened') AS last_opened_at,
    max("at") FILTER (type = 'clicked') AS last_clicked_at,
    fixed(count(*) FILTER (type = 'opened' AND "at" >= getvariable('d90')) / nullif(count(*) FILTER (type IN ('opened', 'delivered') AND "at" >= getvariable('d90')), 0)) AS opened_share,
    bool_or(type = 'bounced') AS bounced,
    count(DISTINCT campaign) FILTER (type = 'opened' AND "at" >= getvariable('d90')) AS campaigns_opened
FROM store.message_event JOIN store.source_record USING (record_id)
WHERE "at" <= getvariable('as_of') OR "at" IS NULL
GROUP BY person_id;

CREATE TEMP TABLE web_traits AS
SELECT
    person_id,
    count(*) FILTER (type = 'page_view' AND "at" >= getvariable('d7')) AS views_7d,
    count(*) FILTER (type = 'page_view' AND "at" >= getvariable('d30')) AS views_30d,
    count(*) FILTER (type = 'page_view' AND "at" >= getvariable('d90')) AS views_90d,
    count(*) FILTER (type = 'product_view' AND "at" >= getvariable('d7')) AS products_seen_7d,
    count(*) FILTER (type = 'product_view' AND "at" >= getvariable('d30')) AS products_seen_30d,
    count(*) FILTER (type = 'product_view' AND "at" >= getvariable('d90')) AS products_seen_90d,
    count(*) FILTER (type = 'product_view' AND "at" >= getvariable('d365')) AS products_seen_365d,
    count(*) FILTER (type = 'add_to_cart' AND "at" >= getvariable('d7')) AS carted_7d,
    count(*) FILTER (type = 'add_to_cart' AND "at" >= getvariable('d30')) AS carted_30d,
    count(*) FILTER (type = 'add_to_cart' AND "at" >= getvariable('d90')) AS carted_90d,
    min("at") AS first_visit_at,
    max("at") AS last_visit_at,
    arg_max(url, ("at", url)) FILTER (url IS NOT NULL AND "at" IS NOT NULL) AS last_page,
    count(*) FILTER (type = 'product_view' AND "at" >= getvariable('d60')) AS seen_60d
FROM store.web_event JOIN store.source_record USING (record_id)
WHERE "at" <= getvariable('as_of') OR "at" IS NULL
GROUP BY person_id;

CREATE TEMP TABLE seen_most AS
SELECT person_id, arg_max(product_key, (weight, latest, -position)) AS seen_most
FROM (
    SELECT person_id, product_key, position, count(*) AS weight, max("at") AS latest
    FROM store.web_event
    JOIN store.source_record USING (record_id)
    JOIN (SELECT DISTINCT source_key AS product_key, dense_rank() OVER (ORDER BY source_key) AS position FROM store.product)
        USING (product_key)
    WHERE "at" <= getvariable('as_of') AND "at" >= getvariable('d90')
    GROUP BY person_id, product_key, position
)
GROUP BY person_id;

CREATE TABLE store.trait AS
SELECT
    *,
    CASE WHEN value_rank >= 0.95 THEN 'premium' WHEN value_rank >= 0.8 THEN 'gold' WHEN value_rank >= 0.5 THEN 'silver'
        WHEN value_rank IS NOT NULL THEN 'bronze' END AS tier,
    recency_score::VARCHAR || frequency_score::VARCHAR || monetary_score::VARCHAR AS rfm,
    CASE WHEN order_count = 0 THEN 'prospect'
        WHEN days_since_last_order > 365 OR days_since_last_order > 2 * own_order_interval THEN 'inactive'
        WHEN order_count = 1 AND days_since_last_order <= 90 THEN 'new'
        WHEN orders_365d >= 3 THEN 'loyal' ELSE 'active' END AS life_cycle,
    days_since_last_order > own_order_interval AS overdue
FROM (
    SELECT
        *,
        date_part('year', getvariable('today')) - date_part('year', birth_date)
            - ((date_part('month', getvariable('today')), date_part('day', getvariable('today')))
                < (date_part('month', birth_date), date_part('day', birth_date)))::INT AS age,
        getvariable('today') - local_day(last_order_at) AS days_since_last_order,
        getvariable('today') - local_day(last_visit_at) AS days_since_visit,
        getvariable('today') - local_day(last_opened_at) AS days_since_open,
        CASE WHEN order_count > 0 THEN least(5, 1 + floor(5 * percent_rank() OVER (
            PARTITION BY order_count > 0 ORDER BY last_order_at)))::BIGINT END AS recency_score,
        CASE WHEN order_count > 0 THEN least(5, 1 + floor(5 * percent_rank() OVER (
            PARTITION BY order_count > 0 ORDER BY order_count)))::BIGINT END AS frequency_score,
        CASE WHEN order_count > 0 THEN least(5, 1 + floor(5 * percent_rank() OVER (
            PARTITION BY order_count > 0 ORDER BY spent_lifetime)))::BIGINT END AS monetary_score,
        CASE WHEN spent_365d > 0 THEN fixed(percent_rank() OVER (
            PARTITION BY coalesce(spent_365d > 0, false) ORDER BY spent_365d)) END AS value_rank,
        fixed(orders_365d::DOUBLE / greatest(order_count, 1)) AS loyal_share,
        views_30d + 3 * products_seen_30d + 10 * carted_30d AS interest,
        CASE WHEN clicked_90d > 0 THEN 'clicks' WHEN opened_90d > 0 THEN 'opens' WHEN delivered_365d > 0 THEN 'silent'
            ELSE 'none' END AS mail_state,
        coalesce(given_name, '') <> '' AND coalesce(surname, '') <> '' AS name_known
    FROM (
        SELECT
            person.person_id,
            birth_date,
            given_name,
            surname,
            gender,
            * EXCLUDE (person_id, birth_date, given_name, surname, gender) REPLACE (
            coalesce(order_count, 0) AS order_count,
                coalesce(orders_365d, 0) AS orders_365d,
                coalesce(orders_7d, 0) AS orders_7d,
                coalesce(orders_30d, 0) AS orders_30d,
                coalesce(orders_90d, 0) AS orders_90d,
                coalesce(orders_730d, 0) AS orders_730d,
                coalesce(refunds, 0) AS refunds,
                coalesce(lines_30d, 0) AS lines_30d,
                coalesce(lines_90d, 0) AS lines_90d,
                coalesce(lines_365d, 0) AS lines_365d,
                coalesce(categories, 0) AS categories,
                coalesce(opened_7d, 0) AS opened_7d,
                coalesce(opened_30d, 0) AS opened_30d,
                coalesce(opened_90d, 0) AS opened_90d,
                coalesce(opened_365d, 0) AS opened_365d,
                coalesce(clicked_7d, 0) AS clicked_7d,
                coalesce(clicked_30d, 0) AS clicked_30d,
                coalesce(clicked_90d, 0) AS clicked_90d,
                coalesce(clicked_365d, 0) AS clicked_365d,
                coalesce(delivered_7d, 0) AS delivered_7d,
                coalesce(delivered_30d, 0) AS delivered_30d,
                coalesce(delivered_90d, 0) AS delivered_90d,
                coalesce(delivered_365d, 0) AS delivered_365d,
                coalesce(campaigns_opened, 0) AS campaigns_opened,
                coalesce(views_7d, 0) AS views_7d,
                coalesce(views_30d, 0) AS views_30d,
                coalesce(views_90d, 0) AS views_90d,
                coalesce(products_seen_7d, 0) AS products_seen_7d,
                coalesce(products_seen_30d, 0) AS products_seen_30d,
                coalesce(products_seen_90d, 0) AS products_seen_90d,
                coalesce(products_seen_365d, 0) AS products_seen_365d,
                coalesce(carted_7d, 0) AS carted_7d,
                coalesce(carted_30d, 0) AS carted_30d,
                coalesce(carted_90d, 0) AS carted_90d,
                coalesce(toys, 0) AS toys,
                coalesce(toys_60d, 0) AS toys_60d,
                coalesce(seen_60d, 0) AS seen_60d,
                coalesce(bounced, false) AS bounced)
        FROM (SELECT person_id, birth_date, given_name, surname, gender FROM store.person) AS person
        LEFT JOIN order_traits USING (person_id)
        LEFT JOIN rhythm USING (person_id)
        LEFT JOIN line_traits USING (person_id)
        LEFT JOIN favourite_category USING (person_id)
        LEFT JOIN favourite_species USING (person_id)
        LEFT JOIN mail_traits USING (person_id)
        LEFT JOIN web_traits USING (person_id)
        LEFT JOIN seen_most USING (person_id)
    )
);

CREATE TEMP TABLE newsletter AS
SELECT person_id, bool_and(given) AS given
FROM (
    SELECT person_id, coalesce(given, false) AS given, rank() OVER (PARTITION BY person_id ORDER BY "at" DESC) AS place
    FROM (
        SELECT person_id, given, coalesce("at", consent.source_time) AS "at", person.birth_date, person.country
        FROM store.consent JOIN store.source_record USING (record_id) LEFT JOIN store.person USING (person_id)
        WHERE channel = 'email' AND purpose = 'marketing'
            AND coalesce("at", consent.source_time) <= getvariable('as_of') + CASE WHEN given THEN INTERVAL 0 DAY ELSE INTERVAL 1 DAY END
    )
    -- a yes counts from the age at which one's own does
    WHERE NOT given OR birth_date IS NULL
        OR birth_date + CASE WHEN country = 'BE' THEN INTERVAL 13 YEAR ELSE INTERVAL 16 YEAR END <= "at"::DATE
)
WHERE place = 1
GROUP BY person_id;

CREATE TEMP TABLE evaluated AS
SELECT
    person_id,
    coalesce(life_cycle = 'prospect', false) AS stage_prospect,
    coalesce(life_cycle = 'new', false) AS stage_new,
    coalesce(life_cycle = 'active', false) AS stage_active,
    coalesce(life_cycle = 'loyal', false) AS stage_loyal,
    coalesce(life_cycle = 'inactive', false) AS stage_inactive,
    coalesce(tier = 'bronze', false) AS tier_bronze,
    coalesce(tier = 'silver', false) AS tier_silver,
    coalesce(tier = 'gold', false) AS tier_gold,
    coalesce(tier = 'premium', false) AS tier_premium,
    coalesce(favourite_category = 'kibble', false) AS likes_kibble,
    coalesce(favourite_category = 'snacks', false) AS likes_snacks,
    coalesce(favourite_category = 'toys', false) AS likes_toys,
    coalesce(favourite_category = 'litter', false) AS likes_litter,
    coalesce(favourite_category = 'care', false) AS likes_care,
    coalesce(favourite_category = 'books', false) AS likes_books,
    coalesce(favourite_species = 'dog', false) AS dog_people,
    coalesce(favourite_species = 'cat', false) AS cat_people,
    coalesce(favourite_species = 'rodent', false) AS rodent_people,
    coalesce(favourite_species = 'bird', false) AS bird_people,
    coalesce(favourite_species = 'fish', false) AS fish_people,
    coalesce(spent_lifetime > 50, false) AS spent_over_50,
    coalesce(spent_lifetime > 100, false) AS spent_over_100,
    coalesce(spent_lifetime > 250, false) AS spent_over_250,
    coalesce(spent_lifetime > 500, false) AS spent_over_500,
    coalesce(spent_lifetime > 1000, false) AS spent_over_1000,
    coalesce(orders_90d >= 1, false) AS ordered_1_in_90d,
    coalesce(orders_90d >= 2, false) AS ordered_2_in_90d,
    coalesce(orders_90d >= 5, false) AS ordered_5_in_90d,
    coalesce(mail_state = 'clicks', false) AS mail_clicks,
    coalesce(mail_state = 'opens', false) AS mail_opens,
    coalesce(mail_state = 'silent', false) AS mail_silent,
    coalesce(mail_state = 'none', false) AS mail_none,
    coalesce(interest >= 5, false) AS interest_over_5,
    coalesce(interest >= 20, false) AS interest_over_20,
    coalesce(interest >= 40, false) AS interest_over_40,
    coalesce(days_since_visit > 30, false) AS away_30,
    coalesce(days_since_visit > 90, false) AS away_90,
    coalesce(days_since_visit > 365, false) AS away_365,
    coalesce(recency_score >= 4 and frequency_score >= 4 and monetary_score >= 4, false) AS champions,
    coalesce(recency_score <= 2 and frequency_score >= 4, false) AS at_risk,
    coalesce(overdue and life_cycle <> 'inactive', false) AS late,
    coalesce(refunds >= 1 and undone_share > 0.2, false) AS refunders,
    coalesce(paid_dog_365d > 0 and paid_cat_365d > 0, false) AS dog_and_cat,
    coalesce(kibble_pack = 'XL' and bought_kibble_90d >= 1, false) AS xl_kibble,
    coalesce(age < 30, false) AS young,
    coalesce(age between 30 and 59, false) AS middle,
    coalesce(age >= 60, false) AS old,
    coalesce(gender = 'F', false) AS women,
    coalesce(gender is null, false) AS unknown_gender,
    coalesce(products_seen_30d >= 2 and orders_30d = 0, false) AS seen_and_not_bought,
    coalesce(carted_7d >= 1 and orders_7d = 0, false) AS carted_and_not_bought,
    coalesce(categories >= 5, false) AS many_categories,
    coalesce(campaigns_opened >= 2, false) AS campaign_readers,
    coalesce(newsletter.given, false) AS newsletter,
    coalesce(tier = 'premium' and not mail_state = 'clicks', false) AS silent_premium,
    coalesce(newsletter.given and favourite_species = 'dog', false) AS newsletter_dogs,
    coalesce(toys_60d >= 1, false) AS toys_lately,
    coalesce(toys >= 2, false) AS toys_often,
    coalesce(toys = 0 and seen_60d >= 2, false) AS no_toys_but_seen
FROM store.trait LEFT JOIN newsletter USING (person_id);

INSERT INTO store.membership
SELECT person_id, segment, getvariable('as_of') FROM (
    UNPIVOT evaluated ON COLUMNS(* EXCLUDE (person_id)) INTO NAME segment VALUE inside
)
WHERE inside;

INSERT INTO store.membership
SELECT person_id, 'best_thousand', getvariable('as_of')
FROM (
    SELECT person_id, spent_lifetime, record_id FROM store.trait JOIN store.person USING (person_id)
    WHERE spent_lifetime IS NOT NULL
    ORDER BY spent_lifetime DESC, md5('sample|best_thousand|' || record_id), person_id LIMIT 1000
);

INSERT INTO store.transition SELECT person_id, segment, 'entered', since FROM store.membership;
