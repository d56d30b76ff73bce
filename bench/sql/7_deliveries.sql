-- What four destinations do not have yet (a hash per row), and the welcome messages to send.

CREATE TABLE IF NOT EXISTS acknowledged (audience VARCHAR, person BIGINT, content UBIGINT);
CREATE TABLE IF NOT EXISTS message (
    person BIGINT, scenario VARCHAR, channel VARCHAR, address VARCHAR, content VARCHAR, entered_at TIMESTAMPTZ, queued_at TIMESTAMPTZ
);

-- An address that mail bounced from for good gets nothing any more.
CREATE TABLE suppressed AS
SELECT DISTINCT mail_address.email
FROM lake_table('mailings/events') AS event JOIN mail_address ON mail_address.original = event.email
WHERE event.type = 'bounce' AND mail_address.email IS NOT NULL;

CREATE TEMP TABLE intended AS
SELECT audience, person, hash(email, phone, given_name) AS content
FROM membership JOIN person USING (person)
JOIN (VALUES ('gold', 16), ('newsletter', 64), ('inactives', 8), ('big_spenders', 512)) AS audiences(audience, bit) ON mask & bit <> 0
WHERE may_be_mailed AND (email IS NULL OR email NOT IN (SELECT suppressed.email FROM suppressed));

CREATE TABLE delivery AS
SELECT
    coalesce(now.audience, before.audience) AS audience,
    coalesce(now.person, before.person) AS person,
    CASE WHEN now.person IS NULL THEN 'remove' WHEN before.person IS NULL THEN 'add' ELSE 'update' END AS operation,
    now.content
FROM intended AS now FULL JOIN acknowledged AS before ON now.audience = before.audience AND now.person = before.person
WHERE now.content IS DISTINCT FROM before.content;

INSERT INTO message
SELECT person, 'welcome', 'email', email, json_object('category', coalesce(favourite_category, 'any')), entered_at, getvariable('as_of')
FROM (
    SELECT person, min("at") AS entered_at
    FROM consent JOIN record_person USING (record)
    WHERE "at" > getvariable('as_of') - INTERVAL 90 DAY AND "at" <= getvariable('as_of')
    GROUP BY person
)
JOIN trait USING (person)
JOIN person USING (person)
WHERE life_cycle IN ('prospect', 'new') AND (last_order_at > entered_at) IS NOT TRUE AND person.may_be_mailed AND email IS NOT NULL
    AND email NOT IN (SELECT suppressed.email FROM suppressed)
    AND NOT EXISTS (SELECT 1 FROM message AS sent WHERE sent.person = person.person AND sent.scenario = 'welcome');
