//! Exact decimal numbers: what stands in a file is what is added up. Knows no file and no message.

use std::cmp::Ordering;

/// A decimal number `mantissa / 10^scale`, always in its shortest form (no trailing zeros behind the point).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decimal {
    mantissa: i128,
    scale: u32,
}

/// How numbers are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumberFormat {
    /// What stands before the fraction: `.` or `,`.
    pub decimal: char,
    /// What groups the digits, if anything does: dropped between digits before the fraction.
    pub thousands: Option<char>,
}

impl Default for NumberFormat {
    fn default() -> Self {
        Self { decimal: '.', thousands: None }
    }
}

impl Decimal {
    /// Most digits behind the point. More would leave no room for sums.
    const MAX_SCALE: u32 = 18;
    /// Largest exponent of ten that is read, so that `1e999999999` costs nothing.
    const MAX_EXPONENT: i32 = 30;

    /// The number written in `text`: sign, digits, fraction, exponent. None where it is not one, or too large.
    pub fn parse(text: &str, format: NumberFormat) -> Option<Self> {
        let (digits, exponent) = match text.split_once(['e', 'E']) {
            Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        if exponent.abs() > Self::MAX_EXPONENT {
            return None;
        }
        let (negative, digits) = match digits.strip_prefix(['-', '\u{2212}']) {
            Some(rest) => (true, rest),
            None => (false, digits.strip_prefix('+').unwrap_or(digits)),
        };
        let (mut mantissa, mut scale) = Self::digits(digits, format)?;
        if exponent >= 0 {
            mantissa = mantissa.checked_mul(10_i128.checked_pow(exponent.unsigned_abs())?)?;
        } else {
            scale = scale.checked_add(exponent.unsigned_abs())?;
        }
        Self { mantissa: if negative { -mantissa } else { mantissa }, scale }.shortest()
    }

    fn digits(text: &str, format: NumberFormat) -> Option<(i128, u32)> {
        let (mut mantissa, mut scale, mut any, mut fraction) = (0_i128, 0_u32, false, false);
        let mut last_was_digit = false;
        for symbol in text.chars() {
            if let Some(digit) = symbol.to_digit(10) {
                mantissa = mantissa.checked_mul(10)?.checked_add(i128::from(digit))?;
                scale += u32::from(fraction);
                any = true;
                last_was_digit = true;
            } else if symbol == format.decimal && !fraction {
                fraction = true;
                last_was_digit = false;
            } else if Some(symbol) == format.thousands && last_was_digit && !fraction {
                last_was_digit = false;
            } else {
                return None;
            }
        }
        any.then_some((mantissa, scale))
    }

    fn shortest(mut self) -> Option<Self> {
        while self.scale > 0 && self.mantissa % 10 == 0 {
            self.mantissa /= 10;
            self.scale -= 1;
        }
        (self.scale <= Self::MAX_SCALE).then_some(self)
    }

    /// Both mantissas at the larger of the two scales.
    fn aligned(self, other: Self) -> Option<(i128, i128, u32)> {
        let scale = self.scale.max(other.scale);
        let raise = |n: Self| n.mantissa.checked_mul(10_i128.checked_pow(scale - n.scale)?);
        Some((raise(self)?, raise(other)?, scale))
    }

    /// The sum, unless it is too large.
    pub fn add(self, other: Self) -> Option<Self> {
        let (a, b, scale) = self.aligned(other)?;
        Self { mantissa: a.checked_add(b)?, scale }.shortest()
    }

    /// The product, unless it is too large or too fine.
    pub fn multiply(self, other: Self) -> Option<Self> {
        let mantissa = self.mantissa.checked_mul(other.mantissa)?;
        Self { mantissa, scale: self.scale + other.scale }.shortest()
    }

    /// The number with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }

    /// The order of two numbers; equal where they are too far apart in scale to be compared exactly, which no two numbers
    /// of [`Decimal::parse`] are.
    pub fn compare(self, other: Self) -> Ordering {
        self.aligned(other).map_or(Ordering::Equal, |(a, b, _)| a.cmp(&b))
    }

    /// The number times `10^decimals` as a whole number. Where it is not whole: rounded, halves away from zero, if `round`;
    /// otherwise none. None too where it does not fit.
    pub fn to_units(self, decimals: u32, round: bool) -> Option<i64> {
        if self.scale <= decimals {
            let raised = self.mantissa.checked_mul(10_i128.checked_pow(decimals - self.scale)?)?;
            return i64::try_from(raised).ok();
        }
        if !round {
            return None;
        }
        let divisor = 10_i128.checked_pow(self.scale - decimals)?;
        let half = divisor / 2 * self.mantissa.signum();
        i64::try_from(self.mantissa.checked_add(half)? / divisor).ok()
    }

    /// The number times `10^decimals`, rounded down to a whole number.
    pub fn floor_units(self, decimals: u32) -> Option<i64> {
        if self.scale <= decimals {
            return self.to_units(decimals, false);
        }
        let divisor = 10_i128.checked_pow(self.scale - decimals)?;
        i64::try_from(self.mantissa.div_euclid(divisor)).ok()
    }
}

impl From<i64> for Decimal {
    fn from(whole: i64) -> Self {
        Self { mantissa: i128::from(whole), scale: 0 }
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        let scale = self.scale as usize;
        if scale == 0 {
            return write!(f, "{sign}{digits}");
        }
        let padded = format!("{digits:0>width$}", width = scale + 1);
        let (whole, fraction) = padded.split_at(padded.len() - scale);
        write!(f, "{sign}{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::parse(text, NumberFormat::default()).expect("a number")
    }

    #[test]
    fn numbers_are_read_in_the_format_that_was_said() {
        for (text, shown) in [
            ("17850.0", "17850"),
            ("-0.50", "-0.5"),
            ("+7", "7"),
            (".5", "0.5"),
            ("1e-05", "0.00001"),
        ] {
            assert_eq!(number(text).to_string(), shown);
        }
        let german = NumberFormat { decimal: ',', thousands: Some('.') };
        assert_eq!(
            Decimal::parse("1.234.567,89", german).map(|n| n.to_string()).as_deref(),
            Some("1234567.89")
        );
        for text in ["", "-", ".", "1,5", "1.2.3", "12a", "0x1", "NaN", "1e99", "1..2", "--1"] {
            assert_eq!(Decimal::parse(text, NumberFormat::default()), None, "{text}");
        }
        assert_eq!(Decimal::parse(".1", german), None, "a group needs digits before it");
    }

    #[test]
    fn arithmetic_is_exact() {
        let sum = number("0.1").add(number("0.2")).expect("fits");
        assert_eq!(sum, number("0.3"));
        assert_eq!(number("-6").multiply(number("2.55")), Some(number("-15.3")));
        assert_eq!(number("2").compare(number("1.999")), Ordering::Greater);
    }

    #[test]
    fn minor_units_are_whole_or_rounded_on_request_only() {
        assert_eq!(number("12.34").to_units(2, false), Some(1234));
        assert_eq!(number("12.345").to_units(2, false), None);
        assert_eq!(number("12.345").to_units(2, true), Some(1235));
        assert_eq!(number("-12.345").to_units(2, true), Some(-1235));
        assert_eq!(number("-1.5").floor_units(0), Some(-2));
        assert_eq!(number("1e18").to_units(2, true), None, "does not fit");
    }
}
