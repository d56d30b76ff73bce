-- One person in a hundred has moved; everybody's facts were looked at again.
UPDATE store.person SET city = 'Moved' WHERE person_id % 100 = 7;
UPDATE store.stage_state SET fingerprint = 'evaluated again' WHERE stage = 'segment';
