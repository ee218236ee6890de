//! Names and texts as SQL has them, for programs that are handed SQL: `psql` and `pg_dump` take no parameters.
//!
//! Promises: what is quoted here is one name, one text or one pattern to the server, whatever is in it. Never: relies on a
//! setting of the server.

/// A name, always quoted (PostgreSQL documentation, "Identifiers and Key Words").
pub fn name(raw: &str) -> String {
    format!("\"{}\"", raw.replace('"', "\"\""))
}

/// A name in a schema.
pub fn qualified(schema: &str, raw: &str) -> String {
    format!("{}.{}", name(schema), name(raw))
}

/// A text. Backslashes mean themselves whatever `standard_conforming_strings` is.
pub fn text(raw: &str) -> String {
    format!(" E'{}'", raw.replace('\\', r"\\").replace('\'', "''"))
}

/// The value of a key of a connection string (libpq, "Keyword/Value Connection Strings").
pub fn conninfo(raw: &str) -> String {
    format!("'{}'", raw.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_a_name_or_text_does_not_end_it() {
        assert_eq!(qualified("a\"b", "; drop table x --"), r#""a""b"."; drop table x --""#);
        assert_eq!(text(r"it's \'"), r" E'it''s \\'''");
        assert_eq!(conninfo(r"a 'b' \"), r"'a \'b\' \\'");
    }
}
