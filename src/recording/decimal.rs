//! Numbers as JSON and people write them, read exactly.
//!
//! Promises: nothing is computed with floating point, and no text, however long or large, takes more than one pass.

use thiserror::Error;

/// Why a text is no number that can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum NotANumber {
    #[error("is no number")]
    Malformed,
    #[error("is below zero")]
    Negative,
    #[error("is too large")]
    TooLarge,
}

/// More digits than this nobody writes: a double has 17 that mean something.
const MAX_LENGTH: usize = 40;

/// A number of seconds, `2`, `0.25` or `1e-3`, as a whole number of 1/`10^scale`, rounded to the nearest.
pub(super) fn scaled(text: &str, scale: i32) -> Result<u64, NotANumber> {
    let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) =
        rest.split_once(['e', 'E']).map_or((rest, None), |(number, power)| (number, Some(power)));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || mantissa.ends_with('.') {
        return Err(NotANumber::Malformed);
    }
    let exponent: i32 = match exponent {
        Some(power) => {
            let size = power.strip_prefix(['+', '-']).unwrap_or(power);
            if size.is_empty() || !digits(size) {
                return Err(NotANumber::Malformed);
            }
            // An exponent that an i32 cannot hold is as good as 9999 for all that follows.
            let size = size.parse().map_or(9_999, |size: i32| size.min(9_999));
            if power.starts_with('-') { -size } else { size }
        }
        None => 0,
    };
    if mantissa.len() > MAX_LENGTH {
        return Err(NotANumber::TooLarge);
    }
    let mut value: u128 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        let digit = u128::from(byte - b'0');
        value = value.checked_mul(10).and_then(|value| value.checked_add(digit)).ok_or(NotANumber::TooLarge)?;
    }
    if value == 0 {
        return Ok(0);
    }
    if negative {
        return Err(NotANumber::Negative);
    }
    // The mantissa has at most 40 characters, so this cannot overflow.
    let decimals = i32::try_from(fraction.len()).unwrap_or(0);
    let shift = exponent + scale - decimals;
    let shifted = if shift >= 0 {
        power_of_ten(shift).and_then(|power| value.checked_mul(power)).ok_or(NotANumber::TooLarge)?
    } else {
        // A divisor that a u128 cannot hold makes nothing of any value that one can.
        power_of_ten(-shift).map_or(0, |power| value / power + u128::from(value % power >= power / 2))
    };
    u64::try_from(shifted).map_err(|_| NotANumber::TooLarge)
}

fn power_of_ten(power: i32) -> Option<u128> {
    10_u128.checked_pow(u32::try_from(power).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_the_last_digit() {
        for (text, micros) in [
            ("0", Ok(0)),
            ("-0.0", Ok(0)),
            ("1", Ok(1_000_000)),
            ("0.248848", Ok(248_848)),
            ("1.0000005", Ok(1_000_001)),
            ("1.0000004", Ok(1_000_000)),
            ("0.1000000000000000055511151231257827", Ok(100_000)),
            ("1e-3", Ok(1_000)),
            ("2.5E+1", Ok(25_000_000)),
            ("1e-400", Ok(0)),
            ("1e-99999999999", Ok(0)),
            ("0e99999999999", Ok(0)),
            ("18446744073709.551615", Ok(u64::MAX)),
            ("18446744073709.551616", Err(NotANumber::TooLarge)),
            ("1e400", Err(NotANumber::TooLarge)),
            ("1e99999999999", Err(NotANumber::TooLarge)),
            ("-1", Err(NotANumber::Negative)),
            ("-1e-9", Err(NotANumber::Negative)),
            ("NaN", Err(NotANumber::Malformed)),
            ("Infinity", Err(NotANumber::Malformed)),
            ("", Err(NotANumber::Malformed)),
            ("-", Err(NotANumber::Malformed)),
            (".5", Err(NotANumber::Malformed)),
            ("1.", Err(NotANumber::Malformed)),
            ("1e", Err(NotANumber::Malformed)),
            ("1e+-2", Err(NotANumber::Malformed)),
            ("0x10", Err(NotANumber::Malformed)),
            ("\u{661}", Err(NotANumber::Malformed)),
        ] {
            assert_eq!(scaled(text, 6), micros, "{text}");
        }
        assert_eq!(scaled(&"9".repeat(41), 6), Err(NotANumber::TooLarge));
        assert_eq!(scaled(&format!("0.{}", "1".repeat(1_000_000)), 6), Err(NotANumber::TooLarge));
    }
}
