-- What destinations took of what was handed to them: the rows of `accepted` (audience, person).

DELETE FROM acknowledged USING accepted
WHERE acknowledged.audience = accepted.audience AND acknowledged.person = accepted.person;

INSERT INTO acknowledged
SELECT audience, person, content FROM delivery JOIN accepted USING (audience, person) WHERE operation <> 'remove';
