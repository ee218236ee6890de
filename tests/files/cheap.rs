//! A restic repository whose key is cheap.
//!
//! restic derives the key of a repository from its password anew in each of its runs, which takes half a second of the
//! machine that the repository was made on (scrypt, RFC 7914). A test asks it a dozen times. This one is as restic 0.14
//! made it, but for the cost that its key file names: 2 instead of some ten thousand.

use std::{fs, path::Path};

/// The name of the key file, which is the SHA-256 of what is in it.
const NAME: &str = "116df88115e4e36da1c4568834d67c446d62bf739d33977a331e63ab866bfcea";

/// The key, under the password of the bed.
const KEY: &str = concat!(
    r#"{"created":"2026-01-01T00:00:00Z","username":"test","hostname":"test","kdf":"scrypt","N":2,"r":1,"p""#,
    r#":1,"salt":"6DJnuBvXaAXchNgCRQ8Lx4INqQf8/bI2Yr98AXTiFNzGRVh/TxVEVxT7Ff0QHNQls8fPL11lX5dsEXggbNpJ7A==""#,
    r#","data":"6hUeI0tqi5v+XuHK6IaAvo9pR9vVq0gxgauDEaqAwhw6D9m1BWQAFqlmRzvFlbzorUpA47ZEpKO8aNhL84Jt74wmPo+"#,
    r#"5M67z6/EFyJDPooS4Blg7h1AQM7DjKh6ZRlH8V2c4StAFQsoTBs0myZgS43gFxtcX8U8ww3jwlDYT56tepjMbKv8oyUkTqPUNLdh"#,
    r#"Dj1n/iMxaJD1di7ivvDKy2g=="}"#,
);

/// The configuration, encrypted, in hexadecimal digits.
const CONFIG: &str = concat!(
    "f48e9b33e1f44b38ff713229681161a9af1f2bb9cfcde38bfbcefdccb5ee92b76cd796b71d95e796f116df934dac2ac5312e",
    "2e7ffbd7a3427469c6dea9525f46cf0de78e0ac10f1d4f46ac9847dcdb41beeac479fc46717f0865945a43836e0ebe5e8e62",
    "015dc43b61b345129c9e12b0c6650ba46100028e6027cc4a87e1a05a8766a87a16f01beae7f93ee3cf5269d0c9e28d0a530e",
    "04a9a5598f",
);

/// Puts it there.
pub(crate) fn make(repository: &Path) {
    for name in ["data", "index", "keys", "locks", "snapshots"] {
        fs::create_dir_all(repository.join(name)).unwrap();
    }
    fs::write(repository.join("keys").join(NAME), KEY).unwrap();
    let byte = |at: usize| u8::from_str_radix(&CONFIG[at..at + 2], 16).unwrap();
    fs::write(repository.join("config"), (0..CONFIG.len()).step_by(2).map(byte).collect::<Vec<u8>>()).unwrap();
}
