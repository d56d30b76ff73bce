-- Makes newcomer (person, said, changed): everybody who has a name, and all that the records of that person say.
-- Reads said_name (person, given_name, surname, birth_date, gender), said_value (person, type, value),
-- said_home (person, postcode, street, number, city), said_apart (person, other), of whom somebody decided that they are
-- two, and known (person, said): how it was when it was last looked at. Who was decided about has changed, too.

CREATE OR REPLACE TABLE newcomer AS
WITH names AS (
    SELECT
        person,
        list_sort(list(DISTINCT given_name) FILTER (given_name IS NOT NULL)) AS given_name,
        list_sort(list(DISTINCT surname) FILTER (surname IS NOT NULL)) AS surname,
        list_sort(list(DISTINCT strftime(birth_date, '%Y%m%d')) FILTER (birth_date IS NOT NULL)) AS birth_date,
        CASE WHEN count(DISTINCT gender) = 1 THEN min(gender) END AS gender
    FROM said_name
    GROUP BY person
),
contacts AS (
    SELECT
        person,
        list_sort(list(DISTINCT value) FILTER (type = 'email')) AS email,
        list_sort(list(DISTINCT value) FILTER (type = 'phone')) AS phone
    FROM said_value
    GROUP BY person
),
homes AS (
    SELECT
        person,
        list_sort(list(DISTINCT {'street': street, 'number': number, 'postcode': postcode, 'city': city})) AS home
    FROM said_home
    WHERE coalesce(street, postcode, city) IS NOT NULL
    GROUP BY person
),
parted AS (SELECT person, list_sort(list(other)) AS apart FROM said_apart GROUP BY person),
said AS (
    SELECT
        person,
        {
            'given_name': given_name,
            'surname': surname,
            'birth_date': birth_date,
            'gender': gender,
            'email': email,
            'phone': phone,
            'home': home,
            'apart': apart
        } AS said
    FROM names
    LEFT JOIN contacts USING (person)
    LEFT JOIN homes USING (person)
    LEFT JOIN parted USING (person)
    WHERE given_name IS NOT NULL OR surname IS NOT NULL
)
SELECT person, said.said, CAST(to_json(said.said) AS VARCHAR) IS DISTINCT FROM known.said AS changed
FROM said
LEFT JOIN known USING (person);
