//! Connection strings of libpq that are written down: `host=db1 user=backup service=night`.
//!
//! Promises: one that holds a secret is refused by the name of its key, and the secret is in no message. Never: resolves
//! anything; libpq does.

use super::instance::printable;
use thiserror::Error;

/// Keys whose value is a secret (libpq, "Parameter Key Words").
const SECRETS: [&str; 5] = ["password", "sslpassword", "scram_client_key", "scram_server_key", "oauth_client_secret"];

/// Keys that would make another thing of the connection.
const NOT_HERE: [&str; 1] = ["replication"];

/// Why a connection string cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ConninfoError {
    /// It holds a secret, and what holds it is written down.
    #[error(
        "the connection string holds {0}: take it out, and name a passfile, a service or a password_command instead"
    )]
    Secret(&'static str),
    /// A key that howdah sets itself.
    #[error("the connection string holds {0}: take it out, howdah sets it where it is needed")]
    Reserved(&'static str),
    /// It is a URI, which may hold a password in several places.
    #[error("the connection string is a URI: write it as key=value pairs, such as host=db1 port=5432 user=backup")]
    Uri,
    /// It is no list of key=value pairs.
    #[error(
        "the connection string is no list of key=value pairs ({0}): write it such as host=db1 port=5432 user=backup"
    )]
    Malformed(String),
}

/// Refuses a connection string that holds a secret, or is none.
pub fn check(conninfo: &str) -> Result<(), ConninfoError> {
    let start = conninfo.trim_start();
    if start.starts_with("postgresql://") || start.starts_with("postgres://") {
        return Err(ConninfoError::Uri);
    }
    for key in keys(conninfo)? {
        // libpq knows its keys in lower case alone; another spelling fails there, and its secret is kept out here.
        let is = |known: &&&str| key.eq_ignore_ascii_case(known);
        if let Some(secret) = SECRETS.iter().find(is) {
            return Err(ConninfoError::Secret(secret));
        }
        if let Some(reserved) = NOT_HERE.iter().find(is) {
            return Err(ConninfoError::Reserved(reserved));
        }
    }
    Ok(())
}

/// The keys, in their order, as libpq's `conninfo_parse` finds them. No message shows a value.
fn keys(conninfo: &str) -> Result<Vec<String>, ConninfoError> {
    let malformed = |what: String| ConninfoError::Malformed(printable(&what));
    let mut keys = Vec::new();
    let mut rest = conninfo.trim_start();
    while !rest.is_empty() {
        let end = rest.find(|c: char| c == '=' || c.is_ascii_whitespace()).unwrap_or(rest.len());
        let (key, behind) = rest.split_at(end);
        let Some(value) = behind.trim_start().strip_prefix('=') else {
            // It may be the rest of a value with a space in it, maybe of a password.
            return Err(malformed(format!("word {} has no = behind it", keys.len() + 1)));
        };
        if key.is_empty() {
            return Err(malformed("an = without a key before it".to_owned()));
        }
        keys.push(key.to_owned());
        rest = after_value(value.trim_start())
            .ok_or_else(|| malformed(format!("the quote of {key} does not end")))?
            .trim_start();
    }
    Ok(keys)
}

/// What follows a value, quoted or not; `None` where its quote does not end.
fn after_value(text: &str) -> Option<&str> {
    let (quoted, body) = text.strip_prefix('\'').map_or((false, text), |body| (true, body));
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '\'' if quoted => return Some(&body[at + 1..]),
            c if !quoted && c.is_ascii_whitespace() => return Some(&body[at..]),
            _ => {}
        }
    }
    (!quoted).then_some("")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
    use super::*;

    #[test]
    fn s11_a_secret_is_refused_by_the_name_of_its_key_and_shown_nowhere() {
        for (text, key) in [
            ("host=a password=hunter2", "password"),
            ("password = 'hunter2' host=a", "password"),
            ("host='a b' PassWord='hunter2'", "password"),
            ("host=a sslpassword=hunter2", "sslpassword"),
            (r"host='it\'s' password=hunter2", "password"),
            (r"host=a\ b password=hunter2", "password"),
        ] {
            let refused = check(text);
            assert!(matches!(&refused, Err(ConninfoError::Secret(found)) if *found == key), "{text}: {refused:?}");
            assert!(!refused.unwrap_err().to_string().contains("hunter2"), "{text}");
        }
        for text in ["postgresql://u:hunter2@a/b", "hunter2", "host=a hunter2", "host='hunter2", "=hunter2"] {
            assert!(!check(text).unwrap_err().to_string().contains("hunter2"), "{text}");
        }
        assert_eq!(check("host=a replication=true"), Err(ConninfoError::Reserved("replication")));
    }

    #[test]
    fn what_libpq_takes_is_taken() {
        for text in
            ["", "service=night", "host=a port = 5432  user='back up' passfile=/etc/p", r"host=a\'b options='-c x=1'"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }
}
