-- The six raw shapes, as the systems would export them. One statement per file, named in its first line.

-- crm/contacts.parquet
SELECT id, first_name, prefix, last_name, gender, birth_date, email, phone, street, house_number, postcode, city, country,
    email_opt_in, opt_in_at, updated_at
FROM contact ORDER BY id;

-- shop/customers.parquet
SELECT id, first_name, last_name, email, mobile, newsletter, newsletter_at, created_at, updated_at
FROM account ORDER BY id;

-- shop/products.parquet
SELECT sku, name, category, species, pack_size, price FROM product ORDER BY sku;

-- shop/orders.parquet
SELECT order_no, customer_id, billing_email, replace(total::VARCHAR, '.', ',') AS total_incl, status, created_at, updated_at
FROM ordering JOIN (SELECT order_no, sum(quantity * price) AS total FROM line GROUP BY order_no) AS totals USING (order_no)
ORDER BY order_no;

-- shop/order_lines.parquet
SELECT order_no, line_no, sku, quantity, price, created_at FROM line ORDER BY order_no, line_no;

-- erp/debtors.csv
SELECT
    'D' || lpad(id::VARCHAR, 9, '0') AS debtor_number,
    account.first_name || ' ' || account.last_name AS name,
    id::VARCHAR AS customer_number,
    CASE WHEN dice(id, 80) % 3 = 0 THEN NULL ELSE noisy_phone(person.landline, id, 81) END AS phone,
    person.city AS city,
    (1 + dice(id, 82) % 9) || '.' || digits(id, 83, 3) || ',' || digits(id, 84, 2) AS credit
FROM account JOIN person USING (person)
WHERE dice(id, 85) % 2 = 0
ORDER BY id;

-- mailings/events.parquet
SELECT
    i AS event_id,
    noisy_email(address.email, i, 90) AS email,
    'campaign-' || (1 + dice(i, 91) % 24) AS campaign,
    CASE WHEN chance(i, 92) < 0.55 THEN 'delivered' WHEN chance(i, 92) < 0.85 THEN 'open'
        WHEN chance(i, 92) < 0.995 THEN 'click' ELSE 'bounce' END AS type,
    before_as_of(i, 93, 400) AS at
FROM (
    SELECT i, 1 + (dice(i, 94) % (SELECT count(*) FROM address))::BIGINT AS nth
    FROM range(8 * getvariable('persons')) AS numbers(i)
) AS drawn
JOIN address USING (nth)
ORDER BY i;

-- web/events.parquet
SELECT
    i AS event_id,
    'v' || (2 * drawn.person + dice(i, 102) % 2) AS visitor,
    CASE WHEN dice(i, 103) % 10 < 3 THEN account.id END AS customer_id,
    CASE WHEN sku IS NULL THEN '/' || kind ELSE '/product/' || sku END AS url,
    CASE WHEN kind = 'basket' THEN 'add_to_cart' WHEN sku IS NULL THEN 'page_view' ELSE 'product_view' END AS type,
    sku,
    before_as_of(i, 104, 400) AS at
FROM (
    SELECT
        i,
        (dice(i, 101) % getvariable('persons'))::BIGINT AS person,
        choice(i, 105, ['product', 'product', 'product', 'home', 'search', 'basket', 'service']) AS kind,
        CASE WHEN choice(i, 105, ['product', 'product', 'product', 'home', 'search', 'basket', 'service']) IN ('product', 'basket')
            THEN 'SKU-' || lpad((dice(i, 106) % 500)::VARCHAR, 4, '0') END AS sku
    FROM range(10 * getvariable('persons')) AS numbers(i)
) AS drawn
LEFT JOIN (SELECT person, min(id) AS id FROM account GROUP BY person) AS account USING (person)
ORDER BY i;

-- truth/persons.parquet
SELECT person, email, mobile, landline, shares_phone, in_crm, in_shop FROM person ORDER BY person;

-- truth/records.parquet
SELECT 'crm' AS connection, id::VARCHAR AS record, person FROM contact
UNION ALL SELECT 'shop', id::VARCHAR, person FROM account
UNION ALL SELECT 'guest', order_no::VARCHAR, person FROM ordering WHERE customer_id IS NULL
UNION ALL SELECT 'erp', 'D' || lpad(id::VARCHAR, 9, '0'), person FROM account WHERE dice(id, 85) % 2 = 0
ORDER BY connection, record;
