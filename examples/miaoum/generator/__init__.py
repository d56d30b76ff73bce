"""The pet shop Mia(ou)m: its true people, and what six systems wrote down about them."""
