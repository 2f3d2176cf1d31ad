//! PostgreSQL and SQLite behind one type.
