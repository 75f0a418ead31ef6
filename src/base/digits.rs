//! [`Digits`]: a number's digits without the standard formatter, whose machinery costs more than the digits; and back from
//! hexadecimal. Holds the text itself, so nothing is allocated. Knows no signs, widths or paddings.

/// A letter and the digits of the largest number.
const ROOM: usize = 21;

/// The digits of one number; see the module.
#[derive(Debug, Clone, Copy)]
pub struct Digits {
    text: [u8; ROOM],
    from: u8,
}

impl Digits {
    /// Decimal digits without leading zeros.
    pub fn decimal(number: u64) -> Self {
        let (mut text, mut from, mut rest) = ([0; ROOM], ROOM, number);
        loop {
            from -= 1;
            text[from] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return Self { text, from: from as u8 };
            }
        }
    }

    /// Lower-case hexadecimal digits without leading zeros.
    pub fn hex(number: u64) -> Self {
        let (mut text, mut from, mut rest) = ([0; ROOM], ROOM, number);
        loop {
            from -= 1;
            text[from] = b"0123456789abcdef"[(rest & 15) as usize];
            rest >>= 4;
            if rest == 0 {
                return Self { text, from: from as u8 };
            }
        }
    }

    /// The same behind a letter.
    pub const fn behind(mut self, letter: u8) -> Self {
        self.from -= 1;
        self.text[self.from as usize] = letter;
        self
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        &self.text[usize::from(self.from)..]
    }
}

/// Sixteen hexadecimal digits.
pub fn padded_hex(number: u64) -> [u8; 16] {
    std::array::from_fn(|digit| b"0123456789abcdef"[(number >> (60 - 4 * digit) & 15) as usize])
}

/// A decimal number of digits only (leading zeros allowed); `None` for anything else or more than `u64::MAX`.
pub fn decimal(text: &[u8]) -> Option<u64> {
    // Nineteen digits always fit.
    if matches!(text.len(), 1..=19) {
        let mut number = 0;
        for byte in text {
            if !byte.is_ascii_digit() {
                return None;
            }
            number = number * 10 + u64::from(byte - b'0');
        }
        return Some(number);
    }
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The number that hexadecimal digits say, in either case; `None` for anything else or more than `u64::MAX`.
pub fn hexadecimal(text: &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for byte in text {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            _ => return None,
        };
        if number >> 60 != 0 {
            return None;
        }
        number = number << 4 | u64::from(digit);
    }
    (!text.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_formatter() {
        for number in [0, 1, 9, 10, 99, 100, 4_095, 65_536, u64::from(u32::MAX), u64::MAX] {
            assert_eq!(Digits::decimal(number).as_bytes(), number.to_string().as_bytes());
            assert_eq!(Digits::hex(number).as_bytes(), format!("{number:x}").as_bytes());
            assert_eq!(Digits::decimal(number).behind(b'c').as_bytes(), format!("c{number}").as_bytes());
        }
    }

    #[test]
    fn hexadecimal_digits_are_read_in_either_case_and_nothing_else_is() {
        assert_eq!(hexadecimal(b"00000000000000000fF"), Some(255));
        assert_eq!(hexadecimal(b"ffffffffffffffff"), Some(u64::MAX));
        for text in ["", "g", "+1", " 1", "10000000000000000"] {
            assert_eq!(hexadecimal(text.as_bytes()), None, "{text}");
        }
    }
}
