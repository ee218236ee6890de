//! The order in which both sides send their rows: that of the key's columns, numbers by value, all else by the bytes of its
//! text, so that two servers agree on it whatever their collations are.

use super::shape::TableShape;
use crate::{domain::Failure, postgres::quote};
use std::cmp::Reverse;

/// What the table is called in the query.
pub(super) const FROM: &str = "t";

/// How a column of the key is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyOrder {
    Number,
    Text,
}

/// The value of a column of a key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum KeyValue {
    Number(Number),
    Text(Vec<u8>),
}

/// A number, in PostgreSQL's order of `numeric`: what is not a number comes last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    NegativeInfinity,
    Negative(Reverse<Magnitude>),
    Positive(Magnitude),
    Infinity,
    Nan,
}

/// Decimal digits without zeros at either end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Magnitude {
    /// How many digits stand before the point.
    length: usize,
    whole: Vec<u8>,
    fraction: Vec<u8>,
}

impl KeyOrder {
    /// By the type's name with its modifiers; a type of somebody's own that is called like these is qualified there.
    fn of_type(name: &str) -> Self {
        match name.split('(').next() {
            Some("smallint" | "integer" | "bigint" | "oid" | "numeric") => Self::Number,
            Some(_) | None => Self::Text,
        }
    }

    /// Those of a table's key.
    pub(super) fn of_key(shape: &TableShape) -> Vec<(String, Self)> {
        let type_of = |name: &str| {
            let column = shape.columns.iter().find(|column| column.name == name);
            column.map_or("", |column| column.type_name.as_str())
        };
        shape.key.iter().map(|key| (key.name.clone(), Self::of_type(type_of(&key.name)))).collect()
    }

    /// What a column's value is sent as, and what the rows are ordered by. The text of a row is that of its types' output
    /// functions, where a cast to text may be somebody's own.
    pub(super) fn terms(self, column: &str, encoding: &str) -> (String, String) {
        let name = quote::name(column);
        let text = format!("row({name})::text");
        match self {
            // By the column: its name alone would be that of what is sent.
            Self::Number => (format!("{name}::text"), format!("{FROM}.{name}")),
            // What comes is in UTF-8, and so must the order be. A database that declares no encoding hands on its bytes.
            Self::Text if matches!(encoding, "UTF8" | "SQL_ASCII") => (text.clone(), format!("{text} collate \"C\"")),
            Self::Text => (text.clone(), format!("convert_to({text}, 'UTF8')")),
        }
    }

    /// The value that was sent.
    pub(super) fn value(self, text: Vec<u8>) -> Result<KeyValue, Failure> {
        match self {
            Self::Text => Ok(KeyValue::Text(text)),
            Self::Number => {
                Number::of(&text).map(KeyValue::Number).ok_or_else(|| Failure::bug("a number of a key is not one"))
            }
        }
    }
}

impl Number {
    fn of(text: &[u8]) -> Option<Self> {
        let (is_negative, digits) = text.strip_prefix(b"-").map_or((false, text), |digits| (true, digits));
        match (digits, is_negative) {
            (b"Infinity", true) => return Some(Self::NegativeInfinity),
            (b"Infinity", false) => return Some(Self::Infinity),
            (b"NaN", false) => return Some(Self::Nan),
            _ => {}
        }
        let point = digits.iter().position(|byte| *byte == b'.');
        let (whole, fraction) = point.map_or((digits, &[][..]), |at| (&digits[..at], &digits[at + 1..]));
        if whole.is_empty() || !whole.iter().chain(fraction).all(u8::is_ascii_digit) {
            return None;
        }
        let whole = &whole[whole.iter().take_while(|digit| **digit == b'0').count()..];
        let fraction = &fraction[..fraction.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1)];
        let magnitude = Magnitude { length: whole.len(), whole: whole.to_vec(), fraction: fraction.to_vec() };
        Some(if is_negative { Self::Negative(Reverse(magnitude)) } else { Self::Positive(magnitude) })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn numbers_are_in_the_order_of_their_values() {
        let sorted = [
            "-Infinity",
            "-100",
            "-12.5",
            "-12.45",
            "-9",
            "-0.1",
            "0",
            "0.05",
            "0.5",
            "2",
            "9.99",
            "10",
            "10.01",
            "123",
            "99999999999999999999999",
            "Infinity",
            "NaN",
        ];
        let numbers = sorted.map(|text| Number::of(text.as_bytes()).unwrap());
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        for (one, other) in [("1.0", "1.00"), ("5", "5.0"), ("0.10", "0.1")] {
            assert_eq!(Number::of(one.as_bytes()), Number::of(other.as_bytes()));
        }
        for text in ["", "-", ".5", "1e5", "x", "-NaN"] {
            assert_eq!(Number::of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn the_type_says_how_a_column_is_ordered() {
        for name in ["bigint", "numeric", "numeric(9,2)", "oid"] {
            assert_eq!(KeyOrder::of_type(name), KeyOrder::Number, "{name}");
        }
        for name in ["text", "uuid", "character(3)", "\"bigint\"", "s.integer", "timestamp(3) with time zone", ""] {
            assert_eq!(KeyOrder::of_type(name), KeyOrder::Text, "{name}");
        }
    }
}
